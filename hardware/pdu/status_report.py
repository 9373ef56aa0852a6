"""SMS-STATUS-REPORT: what became of a message (3GPP TS 23.040 9.2.2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hardware.errors import DecodeError

from . import timestamp
from .address import Address, read_address
from .data_coding import DataCodingScheme
from .delivery_status import DeliveryStatus
from .framing import MTI_STATUS_REPORT, open_pdu, read_first_octet
from .octets import OctetReader
from .user_data import UserData, read_user_data

_PROTOCOL_IDENTIFIER, _DATA_CODING, _USER_DATA, _EXTENSION = 0x01, 0x02, 0x04, 0x80  # TP-PI, 9.2.3.27


@dataclass(frozen=True, slots=True)
class ReportParameters:
    """The optional end of a report, as far as TP-PI says that it is there."""

    indicator: int
    protocol_identifier: int | None
    data_coding: DataCodingScheme | None
    user_data: UserData | None


@dataclass(frozen=True, slots=True)
class StatusReportPdu:
    """One report on one part."""

    service_centre: Address | None
    reference: int
    """TP-MR of the SMS-SUBMIT that it is about."""
    recipient: Address
    timestamp: datetime | None
    """When the service centre took the message; None where the octets are no date."""
    timestamp_raw: bytes
    discharge: datetime | None
    """When it was delivered, tried last or given up; in the zone of the recipient's side, None as above."""
    discharge_raw: bytes
    status: DeliveryStatus
    more_messages: bool
    """Whether more wait at the service centre."""
    for_command: bool
    """TP-SRQ: about an SMS-COMMAND, not an SMS-SUBMIT."""
    parameters: ReportParameters | None
    """None also where the end cannot be read: modems pad reports with anything."""
    trailing: bytes = field(repr=False)
    """Every octet after TP-ST as it came, those of `parameters` too."""

    @classmethod
    def decode(cls, pdu: str, *, service_centre_prefix: bool = True) -> StatusReportPdu:
        """Read the hex of an SMS-STATUS-REPORT; raises DecodeError naming field and octet."""
        return read_status_report(*open_pdu(pdu, service_centre_prefix))


def read_status_report(service_centre: Address | None, reader: OctetReader) -> StatusReportPdu:
    """The SMS-STATUS-REPORT at the reader's place; raises DecodeError."""
    first_octet = read_first_octet(reader, MTI_STATUS_REPORT)
    reference = reader.octet("message_reference")
    recipient = read_address(reader, "recipient")
    stamp = reader.take("timestamp", timestamp.LENGTH)
    discharge = reader.take("discharge", timestamp.LENGTH)
    status = DeliveryStatus(reader.octet("status"))
    trailing = reader.rest()
    return StatusReportPdu(
        service_centre=service_centre,
        reference=reference,
        recipient=recipient,
        timestamp=timestamp.decode(stamp),
        timestamp_raw=stamp,
        discharge=timestamp.decode(discharge),
        discharge_raw=discharge,
        status=status,
        more_messages=not first_octet & 0x04,
        for_command=bool(first_octet & 0x20),
        parameters=_parameters(trailing, bool(first_octet & 0x40)),
        trailing=trailing,
    )


def _parameters(octets: bytes, has_header: bool) -> ReportParameters | None:
    if not octets:
        return None
    reader = OctetReader(octets)
    try:
        indicator = extension = reader.octet("parameter_indicator")
        while extension & _EXTENSION:
            extension = reader.octet("parameter_indicator")
        identifier = reader.octet("protocol_identifier") if indicator & _PROTOCOL_IDENTIFIER else None
        coding = DataCodingScheme(reader.octet("data_coding")) if indicator & _DATA_CODING else None
        # Without a TP-DCS the default alphabet is meant (9.2.3.27).
        content = read_user_data(reader, coding or DataCodingScheme(0), has_header) if indicator & _USER_DATA else None
    except DecodeError:
        return None  # the report itself was complete; its octets stay in `trailing`
    return ReportParameters(indicator, identifier, coding, content)
