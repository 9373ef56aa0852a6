"""One part of a received message: where it belongs, what it says, and what several say together. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.store.cipher import Cipher
from hardware.pdu import DeliverPdu, join_user_data


@dataclass(frozen=True, slots=True)
class Part:
    """One part as it came, or as it was kept."""

    raw_hex: str = field(repr=False)
    message: DeliverPdu | None = field(repr=False)
    modem: str
    imsi: str
    received_at: int

    @property
    def place(self) -> tuple[int, int]:
        """Sequence number and total; (1, 1) for what stands alone."""
        concatenation = self.message.user_data.concatenation if self.message else None
        if concatenation is None or not concatenation.valid or concatenation.total == 1:
            return 1, 1
        return concatenation.sequence, concatenation.total

    def joins(self, cipher: Cipher) -> bytes | None:
        """Keyed hash of what the parts of one message share; None for what stands alone."""
        if self.message is None or self.place[1] == 1:
            return None
        sender, concatenation = self.message.originator, self.message.user_data.concatenation
        assert concatenation is not None
        shared = (
            *(self.imsi, sender.digits, sender.type_of_number, sender.numbering_plan),
            *(concatenation.reference, concatenation.bits, concatenation.total),
        )
        return cipher.key_hash(b"joins\0" + json.dumps(shared).encode())

    def content(self, cipher: Cipher) -> bytes:
        """Keyed hash of what the part says: a part that the network repeats says the same under another time stamp."""
        said = self.message.user_data.content if self.message else self.raw_hex.encode("utf-8", "replace")
        return cipher.key_hash(b"content\0" + said)


def content_of(parts: Sequence[Part]) -> dict[str, object]:
    """What a message of these parts says: text, or octets, and its ports."""
    messages = [part.message for part in parts if part.message is not None]
    if not messages:
        raw = parts[0].raw_hex
        try:
            octets = bytes.fromhex(raw)
        except ValueError:
            octets = raw.encode("utf-8", "replace")
        return {"text": None, "data": octets.hex(), "ports": None}
    joined = join_user_data(message.user_data for message in messages)
    ports = messages[0].user_data.ports
    return {
        "text": joined if isinstance(joined, str) else None,
        "data": joined.hex() if isinstance(joined, bytes) else None,
        "ports": None if ports is None else (ports.destination, ports.source),
    }
