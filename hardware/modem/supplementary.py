"""USSD over +CUSD (27.007 7.15): the answer is news, and may come before the command's OK or long after it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from hardware.errors import CommandTimeout, EncodeError, MalformedResponse
from hardware.modem.attention import Attention
from hardware.modem.condition import Condition
from hardware.modem.incoming import Incoming
from hardware.modem.ladder import Ladder
from hardware.modem.link import Link
from hardware.profiles import Profile, UssdMode
from hardware.ussd import UssdAnswer, pack, parse_ussd

_SECOND_LINE = 2.0  # seconds for the text where the first +CUSD has none
_ASKS_BACK = 1  # <m>: a reply is expected
_DIALOGUE = 180.0  # seconds for which a network waits for that reply; most give up sooner
_EXPECTS_TEXT = (0, _ASKS_BACK)
_LOOK = 1.0  # seconds between looks at whether to give up
_GSM7_LANGUAGE_UNSPECIFIED = 15


def exchange_ussd(
    link: Link,
    profile: Profile,
    code: str,
    timeout: float,
    news: Callable[[], list[str]],
    give_up: Callable[[], bool] | None = None,
) -> UssdAnswer:
    """Send `code` and return the answer; of two +CUSD lines the one with text counts.

    `news` takes the +CUSD lines that have come. `give_up` ends the waiting early. Raises CommandRejected,
    CommandTimeout (the session is then ended), EncodeError, ConnectionLost, and what `news` raises.
    """
    if any(unicodedata.category(char) == "Cc" for char in code):
        raise EncodeError("USSD code", "it has a control character, which would end the command")
    packed = profile.ussd is UssdMode.PACKED
    written = pack(code) if packed else code.replace('"', "")
    link.command(f'AT+CUSD=1,"{written}",{_GSM7_LANGUAGE_UNSPECIFIED}', timeout=30)
    answer = _await(link, timeout * link.scale, news, give_up)
    if answer is None:
        link.attempt("AT+CUSD=2", timeout=10)
        raise CommandTimeout("AT+CUSD", timeout)
    return answer


class Ussd:
    """Codes and replies, one at a time, from a modem that is ready."""

    def __init__(
        self, link: Link, condition: Condition, attention: Attention, incoming: Incoming, ladder: Ladder
    ) -> None:
        self._link, self._condition, self._attention = link, condition, attention
        self._incoming, self._ladder = incoming, ladder
        self._dialogue_until = 0.0  # boot-clock seconds

    @property
    def in_dialogue(self) -> bool:
        """Whether a session that `exchange` has opened may still wait for a reply."""
        return self._link.clock.boot() < self._dialogue_until

    def exchange(self, code: str, timeout: float, give_up: Callable[[], bool] | None = None) -> UssdAnswer:
        """As `exchange_ussd`; raises NotReady too, also where the modem restarts meanwhile."""
        self._condition.require_ready()
        self._incoming.ussd.clear()
        self._dialogue_until = 0.0
        answer = exchange_ussd(self._link, self._ladder.profile, code, timeout, self._news, give_up)
        if answer.mode == _ASKS_BACK:
            self._dialogue_until = self._link.deadline(_DIALOGUE)
        return answer

    def ask(self, code: str, timeout: float, give_up: Callable[[], bool]) -> UssdAnswer:
        """As `exchange`, and a session that is left open is ended."""
        answer = self.exchange(code, timeout, give_up)
        if answer.mode == _ASKS_BACK:
            self._dialogue_until = 0.0
            self._link.attempt("AT+CUSD=2", timeout=10)
        return answer

    def _news(self) -> list[str]:
        self._attention.attend()
        said = list(self._incoming.ussd)
        self._incoming.ussd.clear()
        if not said and not self._condition.configured:
            self._condition.require_ready()  # it has restarted, and owes no answer any more
        return said


def _await(
    link: Link, seconds: float, news: Callable[[], list[str]], give_up: Callable[[], bool] | None
) -> UssdAnswer | None:
    deadline = link.clock.boot() + seconds
    poor: UssdAnswer | None = None
    while True:
        for line in news():
            answer = _parsed(line)
            if answer is None:
                continue
            if answer.text or answer.mode not in _EXPECTS_TEXT:
                return answer
            poor = answer
            deadline = min(deadline, link.deadline(_SECOND_LINE))
        left = deadline - link.clock.boot()
        if left <= 0 or (give_up is not None and give_up()):
            return poor
        link.channel.listen(left if give_up is None else min(left, _LOOK))


def _parsed(line: str) -> UssdAnswer | None:
    try:
        return parse_ussd(line)
    except MalformedResponse:
        return None
