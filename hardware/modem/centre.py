"""The service centre's number: set, read back, watched, and put right where it was lost (27.005 3.3.1)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from hardware.at.answers import parse_service_centre
from hardware.errors import CommandRejected, CommandTimeout
from hardware.modem.link import Link, read
from hardware.modem.status import ModemSettings, ModemState, NotReady, Trouble

log = logging.getLogger(__name__)

_NO_CENTRE = 330
_LOADING_PAUSES = (1.0, 2.0, 4.0)  # seconds; +CSCA says nothing until the SIM's message files are loaded

Known = Callable[[str | None], str | None]
"""The service centre by which a card, named by its IMSI, sent before; None where there is none."""


class ServiceCentre:
    """What goes for one modem: the configured number, else the card's own, else the one that worked before."""

    def __init__(self, link: Link, settings: ModemSettings, known: Known) -> None:
        self._link, self._settings, self._known = link, settings, known
        self._imsi: str | None = None
        self.number: str | None = None
        """The number in use, where it is known."""
        self.in_pdu = False
        """The modem does not keep it: each PDU carries it."""

    def configure(self, imsi: str | None) -> None:
        """Find the number for a card that is open, and see that the modem has it; raises NotReady where none is known.

        A modem that does not tell its number is left as it is.
        """
        before = self.number if imsi == self._imsi else None
        self._imsi, self.in_pdu = imsi, False
        told, found = self._read()
        if self._settings.smsc is None:
            for pause in _LOADING_PAUSES:
                if found is not None or not told:
                    break
                self._link.pause(pause)
                told, found = self._read()
        wanted = self._settings.smsc
        if wanted is None and told and found is None:
            wanted = self._known(imsi) or before
            if wanted is None:
                raise NotReady(
                    ModemState.FAILED,
                    "no service centre (SMSC) number is set in the SIM",
                    "ask the operator for its SMSC number and set it as `smsc` of this modem",
                    Trouble.SMSC_MISSING,
                )
            log.warning("the SIM has lost its service centre; the one that it had before is set again")
        self.number = wanted or found
        if wanted is not None:
            self._put(wanted, found)

    def watch(self) -> None:
        """See that the number is still there: other programs, a +CSMP and some modems lose it.

        One that was configured or lost is set again; another one that the card has been given is taken.
        """
        if self.number is None or self.in_pdu:
            return
        told, found = self._read()
        if not told or found == self.number:
            return
        if found is not None and self._settings.smsc is None:
            log.warning("the SIM has been given another service centre; it is used from now on")
            self.number = found
            return
        log.warning("the service centre was %s; it is set again", "lost" if found is None else "changed")
        self._put(self.number, found)

    def refused(self) -> None:
        """The modem knows no centre (+CMS ERROR 330): from now on each PDU carries it, where it is known."""
        self.in_pdu = self.number is not None

    def mend(self) -> bool:
        """Back to the configured number, or the one that worked before; whether another one was in use."""
        wanted = self._settings.smsc or self._known(self._imsi)
        if wanted is None:
            return False
        told, found = self._read()
        if self.number == wanted and (self.in_pdu or not told or found == wanted):
            return False
        log.warning("the network refuses what goes by this service centre; the one that worked before is set again")
        self.number = wanted
        self._put(wanted, found)
        return True

    def _put(self, wanted: str, found: str | None) -> None:
        if found == wanted:
            return
        kind = 145 if wanted.startswith("+") else 129
        self._link.attempt(f'AT+CSCA="{wanted}",{kind}', timeout=10)
        self.in_pdu = self._read()[1] != wanted

    def _read(self) -> tuple[bool, str | None]:
        """Whether the modem says anything about it, and the number."""
        try:
            lines = self._link.patient("AT+CSCA?", timeout=10)
        except CommandRejected as refused:
            return refused.code == _NO_CENTRE, None
        except CommandTimeout:
            return False, None
        told = read(parse_service_centre, lines)
        return told is not None, (told.number or None) if told is not None else None
