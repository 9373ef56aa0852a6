"""What the SIM of one modem may send now: its quotas, its pace and the quiet hours, at the moment of a claim."""

from __future__ import annotations

import math
from datetime import datetime, tzinfo

from gateway.messages import ClaimedAttempt, Lane
from gateway.quiet import QuietHours
from gateway.quota import RECIPIENTS, Bounds, QuotaRules, QuotaUse, Tally, bounds, month, uses
from gateway.store import SimUsage
from hardware.clock import Clock, Instant

CLOCK_STEP = 60.0  # seconds by which wall and boot clock may drift apart before what is stored is dated anew
SHORTEST_WAIT = 0.05  # seconds


class Allowance:
    """One for each modem, used on its worker's thread, but for `configure`.

    What the SIM sent is read from the store when the modem was brought up, and counted here from then on.
    """

    def __init__(
        self, rules: QuotaRules, quiet: QuietHours | None, zone: tzinfo, usage: SimUsage, clock: Clock
    ) -> None:
        self._rules, self._quiet, self._zone, self._usage, self._clock = rules, quiet, zone, usage, clock
        self._next: tuple[QuotaRules, QuietHours | None, tzinfo] | None = None
        self._imsi = ""
        self._tally = Tally(rules.looks_back)
        self._recipients: set[str] = set()
        self._period = 0
        self._offset = 0.0

    def configure(self, rules: QuotaRules, quiet: QuietHours | None, zone: tzinfo) -> None:
        """Go by other rules from the next claim on; from any thread."""
        self._next = (rules, quiet, zone)

    def load(self, imsi: str) -> None:
        """Count what the SIM in the modem has sent; it may be another one than before. Raises StoreError."""
        now = self._clock.now()
        if imsi != self._imsi:
            self._imsi, self._tally = imsi, Tally(self._rules.looks_back)
        self._offset = now.wall - now.boot
        if self._rules.looks_back:
            self._tally.load(self._usage.sent(imsi, self._rules.looks_back, now), now)
        if self._rules.recipients_per_month is not None:
            self._period = self._period_at(now)
            self._recipients = self._usage.recipients(imsi, self._period)

    def bounds(self, *, reserved: bool = False) -> Bounds | None:
        """What may be claimed now; None: nothing. `reserved`: the modem sends codes only. Raises StoreError."""
        self._take_over()
        now = self._clock.now()
        stepped = abs(now.wall - now.boot - self._offset) > CLOCK_STEP
        counted = self._rules.recipients_per_month is not None
        if self._imsi and ((stepped and self._rules.looks_back) or (counted and self._period != self._period_at(now))):
            self.load(self._imsi)
        return bounds(
            self._uses(now),
            paced=now.boot < self._tally.last_other + self._rules.every,
            quiet=self._quiet_until(now) is not None,
            reserved=reserved,
            period=self._period,
        )

    def _take_over(self) -> None:
        """Take the rules that were handed in; what counts under them is counted anew. Raises StoreError."""
        if self._next is None:
            return
        rules = self._next
        if rules[0] != self._rules:
            before = self._rules, self._tally
            self._rules, self._tally = rules[0], Tally(rules[0].looks_back)
            self._tally.last_other = before[1].last_other
            try:
                if self._imsi:
                    self.load(self._imsi)
            except BaseException:
                self._rules, self._tally = before  # asked again at the next claim: an empty count allows too much
                raise
        _, self._quiet, self._zone = rules
        if self._next is rules:
            self._next = None

    def allows(self, attempt: ClaimedAttempt, *, reserved: bool = False) -> bool:
        """Whether a claimed part may still go: time has passed, and parts have left, since the claim."""
        found = self.bounds(reserved=reserved)
        if found is None or not (attempt.lane <= found.least or (found.finish and attempt.bound)):
            return False
        return found.known_from is None or attempt.lane < found.known_from or attempt.to in self._recipients

    @property
    def period(self) -> int | None:
        """The month in which numbers are counted, as `Outbox.begin` takes it; None where they are not."""
        return self._period if self._rules.recipients_per_month is not None else None

    def begun(self, attempt: ClaimedAttempt) -> None:
        """A part leaves now."""
        self._tally.begun(attempt.id, attempt.lane, self._clock.boot())
        if self._rules.recipients_per_month is not None:
            self._recipients.add(attempt.to)

    def refused(self, attempt: ClaimedAttempt) -> None:
        """It was refused: it does not count. (Its number does: whether the network counts it is not known.)"""
        self._tally.refused(attempt.id)

    def uses(self) -> tuple[QuotaUse, ...]:
        """How much is used of every quota that is set."""
        return self._uses(self._clock.now())

    def opens_in(self) -> float:
        """Seconds until more may be sent than now; infinite where nothing is held back, or no time helps."""
        now = self._clock.now()
        waits = [use.renews_at - now.wall for use in self._uses(now) if use.renews_at and not use.open_for(Lane.NORMAL)]
        if (until := self._quiet_until(now)) is not None:
            waits.append(until - now.wall)
        if (paced := self._tally.last_other + self._rules.every - now.boot) > 0:
            waits.append(paced)
        return max(SHORTEST_WAIT, min(waits, default=math.inf))

    def explained(self, found: tuple[QuotaUse, ...]) -> tuple[str, str] | None:
        """Which quota holds messages back, and what can be done about it, in words; None where none does."""
        used = next((use for use in found if use.full), None)
        used = used or next((use for use in found if not use.open_for(Lane.NORMAL)), None)
        if used is None:
            return None
        share = "" if used.full or not used.otp_kept else ", rest kept for codes"
        until = ""
        if used.renews_at is not None:
            until = f" until {datetime.fromtimestamp(used.renews_at, self._zone):%Y-%m-%d %H:%M}"
        reason = f"quota {used.rule} used ({used.used} of {used.limit}{share}){until}"
        who = "only numbers it has sent to get more" if used.rule == RECIPIENTS else "its messages wait"
        return reason, f"{who}, where no other modem takes over; raise the quota if the SIM's plan allows more"

    def _uses(self, now: Instant) -> tuple[QuotaUse, ...]:
        return uses(self._rules, self._tally, len(self._recipients), now, self._zone)

    def _quiet_until(self, now: Instant) -> float | None:
        return None if self._quiet is None else self._quiet.until(now.wall, self._zone)

    def _period_at(self, now: Instant) -> int:
        return round(month(self._rules.month_starts, now.wall, self._zone)[0] * 1000)
