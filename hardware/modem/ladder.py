"""The bring-up ladder: from a port that answers to a modem that is set up, rung by rung.

Each command that a modem may refuse has its fall-back here or can be done without; what cannot be is a NotReady that
says so. Nothing waits without end.
"""

from __future__ import annotations

from dataclasses import replace

from hardware.at.answers import parse_functionality, parse_identity, parse_imei
from hardware.errors import CommandRejected, CommandTimeout
from hardware.modem.card import Card
from hardware.modem.centre import ServiceCentre
from hardware.modem.link import Link, read
from hardware.modem.network import Network
from hardware.modem.routing import Routing
from hardware.modem.status import Identity, ModemSettings, ModemState, NotReady, Trouble
from hardware.modem.storage import Storage
from hardware.profiles import GENERIC, Profile, profile_for

_FIRST_WAIT = 25.0  # seconds until the first OK of a modem that is not known yet
_RADIO_LIMIT = 30.0  # seconds for AT+CFUN=1 to be taken
_PDU_MODE_PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds; +CMGF fails until the SIM's message files are loaded


class Ladder:
    """Climbs, and keeps what it found out on the way."""

    def __init__(
        self,
        link: Link,
        settings: ModemSettings,
        parts: tuple[Card, Network, Routing, Storage, ServiceCentre],
        profile: Profile | None,
    ) -> None:
        self._link, self._settings, self._given = link, settings, profile
        self._card, self._network, self._routing, self._storage, self._centre = parts
        self.profile = profile or GENERIC
        self.identity = Identity()
        self.echo_tells = False
        """The modem minds ATE0: an echo after it tells of a restart."""

    @property
    def first_wait(self) -> float:
        """Seconds that the modem is given for its first OK."""
        known = self._given or (self.profile if self.profile is not GENERIC else None)
        return known.boot_wait if known else _FIRST_WAIT

    def climb(self) -> None:
        """From a clean channel to a modem that is set up, registered or not.

        Raises NotReady where the modem cannot be used, CommandTimeout where it falls silent, ConnectionLost.
        """
        self._link.attempt("ATE0")
        self._link.channel.take_echoed()
        for command in ("ATV1", "AT+CMEE=1"):
            self._link.attempt(command)
        self._identify()
        self._switch_on()
        self._card.unlock(self.profile, self.identity.imei)
        self.identity = replace(self.identity, iccid=self._card.iccid, imsi=self._card.imsi)
        # The card's files are loaded after it is open: until then message commands say busy and mean "later".
        self._link.be_patient(self.profile.sim_wait)
        self._set_pdu_mode()
        self._link.attempt('AT+CSCS="GSM"')
        self._storage.configure(self.profile)
        self._routing.configure(self.profile, reports=self._settings.reports)
        self._network.enable(self.profile)
        self._link.attempt("AT+CGSMS=3", timeout=10)
        self._centre.configure(self._card.imsi)

    def silences_echo(self) -> bool:
        """Look after the climb whether the modem still keeps to the ATE0 at its start.

        False where it has forgotten it: it restarted meanwhile without a word. One that never minds ATE0 is excused.
        """
        if not self._link.channel.take_echoed():
            self.echo_tells = True
            return True
        self._link.attempt("ATE0")
        self._link.channel.take_echoed()
        self._link.attempt("AT")
        self.echo_tells = not self._link.channel.take_echoed()
        return not self.echo_tells

    def _identify(self) -> None:
        told = (self._told("AT+CGMI"), self._told("AT+CGMM"))
        self.profile = self._given or profile_for(*told)
        for command in self.profile.quiet:
            self._link.attempt(command)
        imei = read(parse_imei, self._link.attempt("AT+CGSN", bare=True))
        self.identity = Identity(*told, self._told("AT+CGMR"), imei)
        expected = self._settings.imei
        if expected and self.identity.imei and expected[:14] != self.identity.imei[:14]:
            raise NotReady(
                ModemState.FAILED,
                "the modem on this port is not the one that is configured (another IMEI)",
                "correct `imei` of this modem, or its port",
                Trouble.MODEM_WRONG,
            )

    def _told(self, command: str) -> str | None:
        return read(parse_identity, self._link.attempt(command, bare=True))

    def _switch_on(self) -> None:
        """AT+CFUN=1 where it is not so; where it is not told, the radio is taken to be on (27.007 8.2)."""
        if read(parse_functionality, self._link.attempt("AT+CFUN?", timeout=10)) in (None, 1):
            return
        deadline = self._link.deadline(_RADIO_LIMIT)
        while self._link.attempt("AT+CFUN=1", timeout=30) is None and self._link.clock.boot() < deadline:
            self._link.pause(1)
        self._link.pause(self.profile.radio_settle)

    def _set_pdu_mode(self) -> None:
        refusal, silent = "no answer", False
        for pause in (*_PDU_MODE_PAUSES, 0.0):
            try:
                self._link.patient("AT+CMGF=0")
            except CommandRejected as refused:
                refusal = str(refused)
                self._link.pause(pause)
            except CommandTimeout:
                if silent:
                    raise
                silent = True
            else:
                return
        raise NotReady(
            ModemState.FAILED,
            f"the modem does not take PDU mode: {refusal}",
            "restart the modem; if that does not help it cannot send messages for this gateway",
            Trouble.PDU_MODE_REFUSED,
        )
