"""Restarts: ordered from modems that may answer nothing, and waited for where they have to begin first."""

from __future__ import annotations

from hardware.modem.incoming import Incoming
from hardware.modem.link import Link
from hardware.profiles import Profile

_CALLED_OUT = 3.0  # seconds that a modem which does not answer has for a command


def restart_radio(link: Link) -> None:
    """AT+CFUN=0 and AT+CFUN=1 (27.007 8.2); raises ConnectionLost."""
    _order(link, "AT+CFUN=0", 15)
    _order(link, "AT+CFUN=1", 30)


def reset(link: Link, profile: Profile, incoming: Incoming) -> bool:
    """The family's reset, False where it has none; raises ConnectionLost where the port goes with it.

    What is asked of a modem between its OK to a reset and the moment at which it goes is lost. So this returns after
    news of the start, or after `reset_settle`. What the card or the radio say meanwhile is no such news: they go first.
    """
    if profile.reset_command is None:
        return False
    incoming.restarted()  # what was said until now is not about this start
    _order(link, profile.reset_command, 15)
    until = link.deadline(profile.reset_settle)
    while (left := until - link.clock.boot()) > 0 and not incoming.started:
        link.channel.listen(left)
        incoming.take_news()
    return True


def _order(link: Link, command: str, timeout: float) -> None:
    if link.channel.dirty:  # it may hear and not speak
        link.channel.call_out(command)
        link.pause(_CALLED_OUT)
    else:
        link.attempt(command, timeout=timeout)
