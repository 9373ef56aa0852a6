"""Where a TPDU begins: the service centre before it is no part of it (3GPP TS 27.005 3.1, 23.040 9.2.3.1)."""

from __future__ import annotations

from hardware.errors import DecodeError

from .address import Address, read_service_centre
from .octets import OctetReader

MTI_DELIVER, MTI_SUBMIT, MTI_STATUS_REPORT = 0, 1, 2
"""TP-MTI; 0 and 2 as the network sends them, 1 as the phone does (towards the phone it is SMS-SUBMIT-REPORT)."""


def open_pdu(text: str, service_centre_prefix: bool) -> tuple[Address | None, OctetReader]:
    """Service centre and a reader at the TPDU's first octet; raises DecodeError."""
    reader = OctetReader.from_hex(text)
    service_centre = read_service_centre(reader) if service_centre_prefix else None
    return service_centre, reader


def read_first_octet(reader: OctetReader, expected: int) -> int:
    """The first octet of a TPDU of the type `expected`; raises DecodeError for another type."""
    place = reader.position
    octet = reader.octet("first_octet")
    if octet & 3 != expected:
        raise DecodeError("message_type", place, f"TP-MTI is {octet & 3}, not {expected}")
    return octet
