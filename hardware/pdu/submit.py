"""SMS-SUBMIT: what the gateway sends (3GPP TS 23.040 9.2.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from hardware.errors import EncodeError

from . import timestamp
from .address import Address, read_address
from .data_coding import DataCodingScheme
from .framing import MTI_SUBMIT, open_pdu, read_first_octet
from .octets import OctetReader
from .segment import Segment
from .user_data import read_user_data
from .validity import AbsoluteValidity, EnhancedValidity, RelativeValidity, Validity

SHORT_MESSAGE_TYPE_0 = 0x40
"""TP-PID of a message that the handset acknowledges and does not show (9.2.3.9)."""

_FORMATS: dict[type[Validity] | None, int] = {None: 0, EnhancedValidity: 1, RelativeValidity: 2, AbsoluteValidity: 3}
_REJECT_DUPLICATES, _STATUS_REPORT, _USER_DATA_HEADER, _REPLY_PATH = 0x04, 0x20, 0x40, 0x80


def replace_short_message(kind: int) -> int:
    """TP-PID 0x41-0x47 for `kind` 1-7: a handset replaces the message of the same kind from the same sender."""
    if not 1 <= kind <= 7:
        raise EncodeError("protocol_identifier", f"replace type {kind} is not 1-7")
    return 0x40 + kind


@dataclass(frozen=True, slots=True)
class EncodedPdu:
    """What goes to the modem: upper-case hex with the service centre before it, and the number for AT+CMGS."""

    hex: str
    tpdu_length: int

    def __repr__(self) -> str:
        return f"EncodedPdu(tpdu_length={self.tpdu_length})"


@dataclass(frozen=True, slots=True)
class SubmitPdu:
    """One part to one recipient."""

    destination: Address
    body: Segment
    protocol_identifier: int = 0
    data_coding: DataCodingScheme | None = None
    """None: as the body says. Another one must name the body's alphabet."""
    validity: Validity | None = None
    """None: the service centre's own default."""
    status_report_request: bool = False
    reject_duplicates: bool = False
    reply_path: bool = False
    message_reference: int = 0
    """Most modems put in their own and say which in +CMGS."""
    service_centre: Address | None = None
    """None: the one set in the modem."""

    def encode(self, service_centre: Address | None = None) -> EncodedPdu:
        """Octets for AT+CMGS; `service_centre` given here goes before the PDU's own.

        Raises EncodeError naming the field that does not fit.
        """
        if not (0 <= self.protocol_identifier <= 0xFF and 0 <= self.message_reference <= 0xFF):
            raise EncodeError("protocol_identifier, message_reference", "each is one octet")
        coding = self.body.data_coding if self.data_coding is None else self.data_coding
        if coding.alphabet is not self.body.alphabet and not coding.compressed:
            raise EncodeError("data_coding", f"{coding.value:02X} is not for a body in {self.body.alphabet.value}")
        first_octet = (
            MTI_SUBMIT
            | (_REJECT_DUPLICATES if self.reject_duplicates else 0)
            | _FORMATS[type(self.validity) if self.validity else None] << 3
            | (_STATUS_REPORT if self.status_report_request else 0)
            | (_USER_DATA_HEADER if self.body.header is not None else 0)
            | (_REPLY_PATH if self.reply_path else 0)
        )
        tpdu = b"".join(
            (
                bytes((first_octet, self.message_reference)),
                self.destination.encode(),
                bytes((self.protocol_identifier, coding.value)),
                _validity_octets(self.validity),
                self.body.user_data(),
            )
        )
        centre = service_centre or self.service_centre
        prefix = centre.encode_service_centre() if centre else b"\x00"
        return EncodedPdu((prefix + tpdu).hex().upper(), len(tpdu))

    @classmethod
    def decode(cls, pdu: str, *, service_centre_prefix: bool = True) -> SubmitPdu:
        """Read the hex of an SMS-SUBMIT; raises DecodeError naming field and octet."""
        centre, reader = open_pdu(pdu, service_centre_prefix)
        first_octet = read_first_octet(reader, MTI_SUBMIT)
        reference = reader.octet("message_reference")
        destination = read_address(reader, "destination")
        protocol_identifier = reader.octet("protocol_identifier")
        coding = DataCodingScheme(reader.octet("data_coding"))
        validity = _read_validity(reader, first_octet >> 3 & 3)
        content = read_user_data(reader, coding, bool(first_octet & _USER_DATA_HEADER))
        return cls(
            destination=destination,
            body=Segment(content.alphabet, content.content, content.header, coding.message_class),
            protocol_identifier=protocol_identifier,
            data_coding=coding,
            validity=validity,
            status_report_request=bool(first_octet & _STATUS_REPORT),
            reject_duplicates=bool(first_octet & _REJECT_DUPLICATES),
            reply_path=bool(first_octet & _REPLY_PATH),
            message_reference=reference,
            service_centre=centre,
        )


def _validity_octets(validity: Validity | None) -> bytes:
    if validity is None:
        return b""
    return bytes((validity.octet,)) if isinstance(validity, RelativeValidity) else validity.octets


def _read_validity(reader: OctetReader, form: int) -> Validity | None:
    if form == 0:
        return None
    if form == 2:
        return RelativeValidity(reader.octet("validity"))
    octets = reader.take("validity", timestamp.LENGTH)
    return EnhancedValidity(octets) if form == 1 else AbsoluteValidity(octets)
