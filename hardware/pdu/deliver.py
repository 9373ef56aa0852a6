"""SMS-DELIVER: what a phone receives (3GPP TS 23.040 9.2.2.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from . import timestamp
from .address import Address, read_address
from .data_coding import DataCodingScheme
from .framing import MTI_DELIVER, open_pdu, read_first_octet
from .octets import OctetReader
from .user_data import UserData, read_user_data


@dataclass(frozen=True, slots=True)
class DeliverPdu:
    """One received part."""

    service_centre: Address | None
    originator: Address
    protocol_identifier: int
    data_coding: DataCodingScheme
    timestamp: datetime | None
    """The service centre's time with its zone; None where the octets are no date."""
    timestamp_raw: bytes
    user_data: UserData
    more_messages: bool
    """Whether more wait at the service centre."""
    loop_prevention: bool
    status_report_indication: bool
    reply_path: bool
    trailing: bytes = field(repr=False)
    """What followed the message: padding, or a modem's mistake."""

    @property
    def text(self) -> str | None:
        """The part's text, None for octets; parts of a long message are read by `join_user_data`."""
        return self.user_data.text

    @classmethod
    def decode(cls, pdu: str, *, service_centre_prefix: bool = True) -> DeliverPdu:
        """Read the hex of an SMS-DELIVER; raises DecodeError naming field and octet."""
        return read_deliver(*open_pdu(pdu, service_centre_prefix))


def read_deliver(service_centre: Address | None, reader: OctetReader) -> DeliverPdu:
    """The SMS-DELIVER at the reader's place; raises DecodeError."""
    first_octet = read_first_octet(reader, MTI_DELIVER)
    originator = read_address(reader, "originator")
    protocol_identifier = reader.octet("protocol_identifier")
    data_coding = DataCodingScheme(reader.octet("data_coding"))
    stamp = reader.take("timestamp", timestamp.LENGTH)
    user_data = read_user_data(reader, data_coding, bool(first_octet & 0x40))
    return DeliverPdu(
        service_centre=service_centre,
        originator=originator,
        protocol_identifier=protocol_identifier,
        data_coding=data_coding,
        timestamp=timestamp.decode(stamp),
        timestamp_raw=stamp,
        user_data=user_data,
        more_messages=not first_octet & 0x04,
        loop_prevention=bool(first_octet & 0x08),
        status_report_indication=bool(first_octet & 0x20),
        reply_path=bool(first_octet & 0x80),
        trailing=reader.rest(),
    )
