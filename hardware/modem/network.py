"""Registration, signal and operator (27.007 7.2, 7.3, 8.5, 10.1.20, 10.1.22)."""

from __future__ import annotations

from hardware.at.answers import is_registration, parse_operator, parse_registration, parse_signal
from hardware.at.channel import Indication
from hardware.errors import CommandRejected
from hardware.modem.link import Link, read
from hardware.modem.status import ModemState, Registration, Trouble
from hardware.profiles import Profile


class Network:
    """What the modem last said about the network that it is in."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._domains: list[str] = []
        self._stats: dict[str, int] = {}
        self._untold = False  # the modem has no command that tells its registration: a submit will show it
        self.signal_dbm: int | None = None
        self.operator: str | None = None

    def enable(self, profile: Profile) -> None:
        """Ask for registration news in every domain; one that refuses these and the question is not there."""
        self._stats = {}
        self._domains = [domain for domain in profile.registration if self._has(domain, "=2", "=1", "?")]
        self._untold = not self._domains
        self._link.attempt("AT+COPS=3,2", timeout=10)

    def look(self, profile: Profile) -> None:
        """As `enable`, `poll` and `measure`, but nothing is set in the modem."""
        self._stats = {}
        self._domains = [domain for domain in profile.registration if self._has(domain, "?")]
        self._untold = not self._domains
        self.poll()
        self.measure()

    def _has(self, domain: str, *forms: str) -> bool:
        """Whether the modem knows `domain`: it takes one of the forms, or is silent, which is no refusal."""
        known = False
        for form in forms:
            try:
                if self._link.unless_refused(f"AT{domain}{form}", prefix=domain) is not None:
                    return True
            except CommandRejected:
                continue
            known = True
        return known

    def poll(self) -> None:
        """Ask every domain; what one said last holds while it is silent or refuses, which may be for a moment."""
        for domain in self._domains:
            told = read(parse_registration, self._link.attempt(f"AT{domain}?", prefix=domain))
            if told is not None:
                self._stats[domain] = told.status

    def measure(self) -> None:
        """Signal and operator; what is refused becomes unknown."""
        signal = read(parse_signal, self._link.attempt("AT+CSQ"))
        self.signal_dbm = signal.dbm if signal is not None else None
        operator = read(parse_operator, self._link.attempt("AT+COPS?", timeout=10))
        self.operator = operator.name if operator is not None else None

    def heard(self, news: Indication) -> bool:
        """Take a registration indication; whether it was one."""
        if not is_registration(news.line):
            return False
        told = read(parse_registration, [news.line])
        if told is not None and told.prefix in self._domains:
            self._stats[told.prefix] = told.status
        return True

    @property
    def registration(self) -> Registration | None:
        """The best of all domains: what carries SMS, then searching, then what refuses."""
        found = [Registration(stat, domain[1:]) for domain, stat in self._stats.items()]
        return min(found, key=_rank, default=None)

    @property
    def state(self) -> tuple[ModemState, str | None, str | None, Trouble | None]:
        """State, reason, advice and their word that follow from the registration."""
        best = self.registration
        if self._untold or (best is not None and best.sms_possible):
            return ModemState.READY, None, None, None
        if best is not None and best.denied:
            return (
                ModemState.DENIED,
                f"registration denied by the network ({best.domain}: {best.meaning})",
                "check with the operator that the SIM is active and may register here; try it in a phone",
                Trouble.REGISTRATION_DENIED,
            )
        said = f" ({best.domain}: {best.meaning})" if best is not None else ""
        return (
            ModemState.SEARCHING,
            f"not registered with a network yet{said}",
            "wait a minute; then check the antenna, the place, and that the SIM's operator has a network here",
            Trouble.NOT_REGISTERED,
        )


def _rank(registration: Registration) -> int:
    if registration.sms_possible:
        return 0 if registration.stat in (1, 6, 9) else 1
    if registration.stat == 2:
        return 2
    return 3 if registration.denied else 4
