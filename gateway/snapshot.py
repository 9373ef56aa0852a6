"""What a modem's worker shows of it: the modem's status, what was sent by it, and what is the matter."""

from __future__ import annotations

from dataclasses import replace

from gateway.care import Care
from gateway.directory import ModemView
from gateway.incoming import ModemInbox
from gateway.sending import Sender
from hardware.modem import Modem, ModemState

SHORTEST_PART = 0.01  # seconds: a simulated modem may take no time at all


def snapshot(view: ModemView, modem: Modem, sender: Sender, inbox: ModemInbox, care: Care) -> ModemView:
    """The view of an open modem as it is now; on its worker's thread."""
    status, identity, counts = modem.status, modem.status.identity, sender.results.counts
    ready, aside = status.state is ModemState.READY, sender.results.aside
    quota = sender.allowance.uses() if ready else ()
    found = care.judge(status, aside=aside, held_back=sender.allowance.explained(quota))
    return replace(
        view,
        state="denied" if ready and aside else status.state.value,
        reason=found.reason,
        advice=found.advice,
        condition=found.condition,
        profile=status.profile,
        manufacturer=identity.manufacturer,
        model=identity.model,
        firmware=identity.revision,
        imei=identity.imei,
        imsi=identity.imsi,
        iccid=identity.iccid,
        operator=status.operator,
        registration=status.registration.meaning if status.registration else None,
        signal_dbm=status.signal_dbm,
        service_centre=status.service_centre,
        reports=status.reports_promised,
        sent=counts.sent,
        failed=counts.failed,
        received=inbox.received,
        last_error=counts.last_error,
        last_report_boot=inbox.last_report_boot,
        seconds_per_part=max(SHORTEST_PART, counts.seconds_per_part),
        quota=quota,
        balance=care.balance,
    )
