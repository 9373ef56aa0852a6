"""SMS-SUBMIT, SMS-DELIVER and SMS-STATUS-REPORT, read and written octet by octet (3GPP TS 23.040 9.2.2).

This is the simulator's own codec. It shares no line with the driver's, and it is strict: what it reads it writes back
to the same octets, and it refuses what a service centre would refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hardware.errors import DecodeError
from hardware.simulator.octets import Address, Reader, read_address, read_time, write_address
from hardware.simulator.userdata import Content, alphabet_of, read_content

DELIVER, SUBMIT, STATUS_REPORT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Submit:
    """SMS-SUBMIT (9.2.2.2). `validity` holds the 0, 1 or 7 octets of TP-VP."""

    first_octet: int
    reference: int
    destination: Address
    pid: int
    dcs: int
    validity: bytes
    length: int
    octets: bytes = field(repr=False)

    @property
    def reject_duplicates(self) -> bool:
        """TP-RD."""
        return bool(self.first_octet & 0x04)

    @property
    def report_requested(self) -> bool:
        """TP-SRR."""
        return bool(self.first_octet & 0x20)

    @property
    def has_header(self) -> bool:
        """TP-UDHI."""
        return bool(self.first_octet & 0x40)

    @property
    def reply_path(self) -> bool:
        """TP-RP."""
        return bool(self.first_octet & 0x80)

    @property
    def content(self) -> Content:
        """The decoded user data."""
        return read_content(self.dcs, self.has_header, self.length, self.octets)

    def lifetime(self, wall: float) -> float | None:
        """Seconds that the service centre keeps trying, counted from Unix time `wall`; None where TP-VP is absent."""
        kind = self.first_octet >> 3 & 3
        if kind == 0:
            return None
        if kind == 2:
            return relative_seconds(self.validity[0])
        if kind == 3:
            until = read_time(self.validity)
            return None if until is None else max(0.0, until.timestamp() - wall)
        return _enhanced_seconds(self.validity)


def relative_seconds(octet: int) -> float:
    """TP-VP in relative format (9.2.3.12.1)."""
    if octet < 144:
        return (octet + 1) * 300.0
    if octet < 168:
        return 43_200.0 + (octet - 143) * 1_800.0
    return (octet - 166) * 86_400.0 if octet < 197 else (octet - 192) * 604_800.0


def _enhanced_seconds(octets: bytes) -> float | None:
    kind = octets[0] & 7
    at = 2 if octets[0] & 0x80 else 1
    if kind == 1:
        return relative_seconds(octets[at])
    if kind == 2:
        return float(octets[at])
    if kind == 3:
        hours, minutes, seconds = ((octet & 0x0F) * 10 + (octet >> 4) for octet in octets[at : at + 3])
        return hours * 3_600.0 + minutes * 60.0 + seconds
    return None


def read_submit(octets: bytes) -> Submit:
    """An SMS-SUBMIT without its service-centre prefix; DecodeError for anything else, trailing octets included."""
    reader = Reader(octets)
    first = reader.octet("first_octet")
    if first & 3 != SUBMIT:
        raise DecodeError("first_octet", 0, "not an SMS-SUBMIT")
    reference = reader.octet("reference")
    destination = read_address(reader, "destination")
    pid, dcs = reader.octet("protocol_identifier"), reader.octet("data_coding")
    validity = reader.take((0, 7, 1, 7)[first >> 3 & 3], "validity")
    length = reader.octet("user_data.length")
    submit = Submit(first, reference, destination, pid, dcs, validity, length, reader.rest())
    read_content(dcs, submit.has_header, length, submit.octets)  # refuses the PDU with its user data
    return submit


def write_submit(submit: Submit) -> bytes:
    """The octets of an SMS-SUBMIT, without a service-centre prefix."""
    head = bytes([submit.first_octet, submit.reference]) + write_address(submit.destination)
    return head + bytes([submit.pid, submit.dcs]) + submit.validity + bytes([submit.length]) + submit.octets


@dataclass(frozen=True, slots=True)
class Deliver:
    """SMS-DELIVER (9.2.2.1). `stamp` holds the seven octets of TP-SCTS."""

    first_octet: int
    originator: Address
    pid: int
    dcs: int
    stamp: bytes
    length: int
    octets: bytes = field(repr=False)

    @property
    def has_header(self) -> bool:
        """TP-UDHI."""
        return bool(self.first_octet & 0x40)

    @property
    def content(self) -> Content:
        """The decoded user data."""
        return read_content(self.dcs, self.has_header, self.length, self.octets)

    @property
    def time(self) -> datetime | None:
        """TP-SCTS as a date; None where it is none."""
        return read_time(self.stamp)


def read_deliver(octets: bytes) -> Deliver:
    """An SMS-DELIVER without its service-centre prefix. Octets after the user data are dropped: stores pad."""
    reader = Reader(octets)
    first = reader.octet("first_octet")
    if first & 3 != DELIVER:
        raise DecodeError("first_octet", 0, "not an SMS-DELIVER")
    originator = read_address(reader, "originator")
    pid, dcs = reader.octet("protocol_identifier"), reader.octet("data_coding")
    stamp = reader.take(7, "service_centre_time_stamp")
    length = reader.octet("user_data.length")
    needed = (7 * length + 7) // 8 if alphabet_of(dcs) == "gsm7" else length
    deliver = Deliver(first, originator, pid, dcs, stamp, length, reader.take(needed, "user_data"))
    read_content(dcs, deliver.has_header, length, deliver.octets)  # refuses the PDU with its user data
    return deliver


def write_deliver(deliver: Deliver) -> bytes:
    """The octets of an SMS-DELIVER, without a service-centre prefix."""
    head = bytes([deliver.first_octet]) + write_address(deliver.originator) + bytes([deliver.pid, deliver.dcs])
    return head + deliver.stamp + bytes([deliver.length]) + deliver.octets


@dataclass(frozen=True, slots=True)
class Report:
    """SMS-STATUS-REPORT (9.2.2.3), the mandatory part and whatever follows it."""

    first_octet: int
    reference: int
    recipient: Address
    stamp: bytes
    discharge: bytes
    status: int
    optional: bytes = b""

    @property
    def time(self) -> datetime | None:
        """TP-SCTS as a date: when the service centre took the message."""
        return read_time(self.stamp)

    @property
    def discharged(self) -> datetime | None:
        """TP-DT as a date: when the outcome became known."""
        return read_time(self.discharge)


def read_report(octets: bytes) -> Report:
    """An SMS-STATUS-REPORT without its service-centre prefix."""
    reader = Reader(octets)
    first = reader.octet("first_octet")
    if first & 3 != STATUS_REPORT:
        raise DecodeError("first_octet", 0, "not an SMS-STATUS-REPORT")
    reference = reader.octet("reference")
    recipient = read_address(reader, "recipient")
    stamp, discharge = reader.take(7, "service_centre_time_stamp"), reader.take(7, "discharge_time")
    return Report(first, reference, recipient, stamp, discharge, reader.octet("status"), reader.rest())


def write_report(report: Report) -> bytes:
    """The octets of an SMS-STATUS-REPORT, without a service-centre prefix."""
    head = bytes([report.first_octet, report.reference]) + write_address(report.recipient)
    return head + report.stamp + report.discharge + bytes([report.status]) + report.optional
