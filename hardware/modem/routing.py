"""How messages and reports are announced: +CSMS, +CNMI and the duty to acknowledge (27.005 3.2.1, 3.4.1, 3.4.4)."""

from __future__ import annotations

from collections.abc import Iterator

from hardware.at.answers import (
    IndicationChoices,
    parse_indication_choices,
    parse_indication_setting,
    parse_message_service,
)
from hardware.errors import CommandRejected
from hardware.modem.link import Link, read
from hardware.profiles import Profile, ReportRoute

_STORE_AND_ANNOUNCE, _NOTHING = 1, 0  # <mt>
_DS = {ReportRoute.STORED: 2, ReportRoute.DIRECT: 1, ReportRoute.ACKNOWLEDGED: 1, ReportRoute.OFF: 0}
_MODES = (2, 1, 3)  # <mode>: buffer while the link is reserved, discard then, in band; 0 would never announce
_NO_ACKNOWLEDGEMENT_EXPECTED = 340

Setting = tuple[int, int, int, int, int]
"""<mode>,<mt>,<bm>,<ds>,<bfr>"""


class Routing:
    """The route in use, and its upkeep."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.route = ReportRoute.OFF
        self.service = 0
        """<service> of +CSMS: with 1 each direct message is acknowledged."""
        self.polling = False
        """Not everything is announced: only sweeps find it."""
        self._setting: Setting | None = None

    def configure(self, profile: Profile, *, reports: bool) -> None:
        """Choose the best route that the modem takes and keeps; at worst none, and polling."""
        allowed = read(parse_indication_choices, self._link.attempt("AT+CNMI=?", timeout=10))
        self.polling, self._setting = False, None
        for route in profile.report_routes if reports else ():
            service = 1 if route is ReportRoute.ACKNOWLEDGED else 0
            if self._set_service(service) != service and route is not ReportRoute.STORED:
                continue
            if self._set(allowed, _DS[route]):
                self.route = route
                return
        self._set_service(0)
        self.route = ReportRoute.POLLED if reports else ReportRoute.OFF
        announced = self._set(allowed, 0)
        self.polling = reports or not announced

    def keeps(self) -> bool:
        """Whether the modem still routes as it was told; True where it does not tell."""
        return self._setting is None or self._kept(self._setting)

    def in_pdu_mode(self) -> bool | None:
        """Whether +CMGF is still 0; None where the modem does not tell. It is 1 after a restart (27.005 3.2.3)."""
        modes = [line.partition(":")[2].strip() for line in self._link.attempt("AT+CMGF?") or ()]
        return False if "1" in modes else True if "0" in modes else None

    def restore(self) -> bool:
        """Set the route again after it fell for want of +CNMA (27.005 3.4.4).

        False where that was not taken, or where more than the route is gone and the modem must have restarted.
        """
        told = read(parse_message_service, self._link.attempt("AT+CSMS?"))
        if self._setting is None or (told is not None and told.service != self.service):
            return False
        return self._link.attempt(_written(self._setting), timeout=10) is not None and self.keeps()

    def acknowledge(self, *, received: bool) -> bool:
        """Acknowledge one direct message, or ask for it again; False where the modem did not wait for it any more."""
        if not received:
            return self._link.attempt("AT+CNMA=2") is not None
        try:
            self._link.command("AT+CNMA")
        except CommandRejected as refused:
            if refused.code == _NO_ACKNOWLEDGEMENT_EXPECTED:
                return False
            return self._link.attempt("AT+CNMA=0") is not None
        return True

    def _set_service(self, wanted: int) -> int:
        taken = self._link.attempt(f"AT+CSMS={wanted}", prefix="+CSMS", timeout=10) is not None
        self.service = wanted if taken else 0
        told = read(parse_message_service, self._link.attempt("AT+CSMS?"))
        if told is not None and told.service is not None:
            self.service = told.service
        return self.service

    def _set(self, allowed: IndicationChoices | None, ds: int) -> bool:
        for setting in _candidates(allowed, ds):
            if self._link.attempt(_written(setting), timeout=10) is not None and self._kept(setting):
                self._setting = setting
                self.polling = setting[1] == _NOTHING
                return True
        return False

    def _kept(self, setting: Setting) -> bool:
        """Compare what is routed (<mt>, <ds>); how it is buffered may differ from what was asked."""
        told = read(parse_indication_setting, self._link.attempt("AT+CNMI?", timeout=10))
        return told is None or (told.mode != 0 and (told.mt, told.ds) == (setting[1], setting[3]))


def announced_routes(allowed: IndicationChoices | None, profile: Profile) -> tuple[ReportRoute, ...]:
    """The routes for reports of its family that a modem's +CNMI=? allows; all of them where it does not tell."""
    return tuple(route for route in profile.report_routes if next(_candidates(allowed, _DS[route]), None) is not None)


def _candidates(allowed: IndicationChoices | None, ds: int) -> Iterator[Setting]:
    """Settings with this <ds> in order of preference, of those that +CNMI=? allows."""
    for mt in (_STORE_AND_ANNOUNCE, _NOTHING) if ds else (_STORE_AND_ANNOUNCE,):
        for mode in _MODES:
            for bfr in (0, 1):
                setting = (mode, mt, 0, ds, bfr)
                if allowed is None or _allows(allowed, setting):
                    yield setting


def _allows(allowed: IndicationChoices, setting: Setting) -> bool:
    """Whether +CNMI=? lists the values; an argument that it leaves out is allowed to be anything."""
    lists = (allowed.mode, allowed.mt, allowed.bm, allowed.ds, allowed.bfr)
    return all(not choices or value in choices for value, choices in zip(setting, lists, strict=True))


def _written(setting: Setting) -> str:
    return "AT+CNMI=" + ",".join(str(value) for value in setting)
