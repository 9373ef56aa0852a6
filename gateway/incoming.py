"""What a modem hands over, into the store: status reports to their attempts, messages to the inbox.

The modem acknowledges to the network, or deletes from its storage, only after these methods have returned: after the
commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.messages import Report
from gateway.store import Store, StoreError
from hardware.clock import Clock, Instant
from hardware.modem import Modem
from hardware.pdu import DeliverPdu, StatusReportPdu

log = logging.getLogger("simwire.incoming")


class ModemInbox:
    """The sink of one modem; used on its worker's thread only."""

    def __init__(self, name: str, store: Store, clock: Clock, upcoming: Callable[[], None]) -> None:
        """`upcoming` is called where something falls due by and by."""
        self._name, self._store, self._clock, self._upcoming = name, store, clock, upcoming
        self.modem: Modem | None = None
        """The driver in use; the worker keeps it true."""
        self.received = 0
        """Messages taken in since the start."""
        self.last_report_boot: float | None = None
        """Boot-clock seconds of the newest status report."""

    def carry_on(self, other: ModemInbox) -> None:
        """Count on from where the sink of another worker of the same modem was."""
        self.received, self.last_report_boot = other.received, other.last_report_boot

    @property
    def imsi(self) -> str:
        """Identity of the SIM that the modem holds now: IMSI, else ICCID, else the modem's name."""
        if self.modem is None:
            return self._name
        identity = self.modem.status.identity
        return identity.imsi or identity.iccid or self._name

    def status_report(self, raw_hex: str, report: StatusReportPdu | None) -> None:
        """Store a report and what it settles; one that cannot be read, or dealt with, is kept raw in the inbox."""
        now = self._clock.now()
        if report is None or not self._settled(raw_hex, report, now):
            self._store.inbox.receive(raw_hex, None, self._name, self.imsi, now)

    def _settled(self, raw_hex: str, report: StatusReportPdu, now: Instant) -> bool:
        """Whether a report could be dealt with: one that trips would be read again, and trip, for ever."""
        self.last_report_boot = now.boot
        try:
            self._store.outbox.report(
                Report(
                    imsi=self.imsi,
                    reference=report.reference,
                    recipient=report.recipient.number,
                    status=report.status.value,
                    service_centre_time=report.timestamp.timestamp() if report.timestamp else None,
                    discharge_time=report.discharge.timestamp() if report.discharge else None,
                    raw=bytes.fromhex(raw_hex),
                ),
                now,
            )
        except StoreError:
            raise  # it is tried again
        except Exception:
            log.exception("modem %s: a report cannot be dealt with, and is kept raw in the inbox", self._name)
            return False
        return True

    def late_reference(self, reference: int) -> None:
        """Settle the attempt that a late +CMGS belongs to, where that can be told."""
        try:
            settled = self._store.outbox.settle_stray(self.imsi, reference, self._clock.now())
        except StoreError:
            raise
        except Exception:
            log.exception("modem %s: +CMGS: %d came late, and cannot be dealt with", self._name, reference)
            return
        log.info("modem %s: +CMGS: %d came late, %s", self._name, reference, settled or "and nobody knows for what")
        self._upcoming()

    def message(self, raw_hex: str, message: DeliverPdu | None) -> None:
        """Store an incoming message, or one of its parts."""
        self._store.inbox.receive(raw_hex, message, self._name, self.imsi, self._clock.now())
        self.received += 1
