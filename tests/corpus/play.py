"""The driver before a trace: brought up, sending, waiting for the report, as far as the trace goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hardware.clock import FakeClock
from hardware.errors import DecodeError, HardwareError
from hardware.modem import Modem, ModemSettings, ModemState, ModemStatus, Secret
from hardware.pdu import StatusReportPdu, decode_incoming
from hardware.simulator import ReplayedModem
from hardware.tracing import Header, Octets, Trace, read_trace
from tests.contract.bench import Hooks, Ledger, Recorder, submit_pdu

HERE = Path(__file__).parent
_ACCEPTED = re.compile(rb"\+CMGS: ?(\d+)")
_PIN = re.compile(rb'AT\+CPIN="?(\d{4,8})"?\r')
_REPORT_WAIT = 60.0  # seconds of the trace


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    status: ModemStatus
    reference: int | None
    """TP-MR of the message that was taken; None for none."""
    refusal: str | None
    """Why it was not."""
    reports: int
    unknown: tuple[str, ...]
    """What the driver asked that the trace does not have."""


def files() -> Iterator[Path]:
    """Every trace of the corpus."""
    return iter(sorted(HERE.glob("*.jsonl")))


def read(path: Path) -> Trace:
    with path.open(encoding="utf-8") as lines:
        return read_trace(lines)


@cache
def outcome_of(path: Path) -> Outcome:
    """`played` of a file, once."""
    return played(read(path))


def played(trace: Trace, chunk: int = 4096) -> Outcome:
    """Bring the driver up before a trace, and send where the recorded modem did."""
    clock, inbox = FakeClock(), Recorder()
    modem = ReplayedModem(trace, clock)
    driver = Modem(modem.transport(chunk=chunk), ModemSettings(pin=_pin(trace)), inbox, Ledger(), clock)
    reference = refusal = None
    try:
        driver.bring_up()
    except HardwareError as error:
        refusal = str(error)
    if driver.status.state is ModemState.READY and accepted(trace) is not None:
        try:
            reference = driver.submit(submit_pdu("another text than the recorded one"), Hooks())
        except HardwareError as error:
            refusal = str(error)
        until = clock.boot() + _REPORT_WAIT
        while not inbox.reports and clock.boot() < until:
            driver.service(1.0)
    status = driver.status
    driver.close()
    return Outcome(status, reference, refusal, len(inbox.reports), tuple(modem.unknown))


def accepted(trace: Trace) -> int | None:
    """The first TP-MR that the recorded network gave; None where nothing was sent, or taken."""
    found = _ACCEPTED.search(_said(trace, "received"))
    return int(found[1]) if found is not None else None


def reported(trace: Trace) -> bool:
    """Whether a status report came in the recording."""
    said = re.findall(rb"[\r\n]([0-9A-F]{30,})[\r\n]", _said(trace, "received"))
    return any(isinstance(_decoded(pdu.decode()), StatusReportPdu) for pdu in said)


def known_as(header: Header, outcome: Outcome) -> tuple[str | None, str | None, str | None]:
    """Manufacturer, model and firmware: as the modem says, else as the header does."""
    identity = outcome.status.identity
    return (
        identity.manufacturer or header.manufacturer,
        identity.model or header.model,
        identity.revision or header.firmware,
    )


def _decoded(pdu: str) -> object:
    try:
        return decode_incoming(pdu)
    except DecodeError:
        return None


def _said(trace: Trace, direction: str) -> bytes:
    return b"".join(one.data for one in trace.entries if isinstance(one, Octets) and one.direction == direction)


def _pin(trace: Trace) -> Secret | None:
    """As many zeros as the masked PIN had digits."""
    found = _PIN.search(_said(trace, "sent"))
    return Secret(found[1].decode()) if found is not None else None
