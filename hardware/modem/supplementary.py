"""USSD over +CUSD (27.007 7.15): the answer is news, and may come before the command's OK or long after it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from hardware.errors import CommandTimeout, EncodeError, MalformedResponse
from hardware.modem.link import Link
from hardware.profiles import Profile, UssdMode
from hardware.ussd import UssdAnswer, pack, parse_ussd

_SECOND_LINE = 2.0  # seconds for the text where the first +CUSD has none
_EXPECTS_TEXT = (0, 1)
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
    """Send `code` and return the answer; of two +CUSD lines the one with text counts. `give_up` ends the waiting early.

    Raises CommandRejected, CommandTimeout (the session is then ended), EncodeError, ConnectionLost.
    """
    if any(unicodedata.category(char) == "Cc" for char in code):
        raise EncodeError("USSD code", "it has a control character, which would end the command")
    written = pack(code) if profile.ussd is UssdMode.PACKED else code.replace('"', "")
    link.command(f'AT+CUSD=1,"{written}",{_GSM7_LANGUAGE_UNSPECIFIED}', timeout=30)
    deadline = link.clock.boot() + timeout * link.scale
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
            break
        link.channel.listen(left if give_up is None else min(left, _LOOK))
    if poor is not None:
        return poor
    link.attempt("AT+CUSD=2", timeout=10)
    raise CommandTimeout("AT+CUSD", timeout)


def _parsed(line: str) -> UssdAnswer | None:
    try:
        return parse_ussd(line)
    except MalformedResponse:
        return None
