"""References of states and of error codes, from the tables by which the gateway decides."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from docs.tools.markdown import code, page, table
from gateway.messages import MOVES, TERMINAL, AttemptKind, AttemptState, MessageState, Reason
from gateway.store.states import effect
from hardware.at.codes import CME_CLASSES, CME_MEANINGS, CMS_CLASSES, CMS_MEANINGS, ErrorClass
from hardware.pdu.delivery_status import DeliveryStatus

API = Path(__file__).resolve().parents[1] / "api.md"
_COMMENT = re.compile(r'^\s+(\w+) = "[^"]*"  #: (.+)$', re.MULTILINE)
_DOCSTRING = re.compile(r'^\s+(\w+) = "[^"]*"\n\s+"""(.+?)"""', re.MULTILINE | re.DOTALL)


def states() -> str:
    """The page of states."""
    moves = (
        (code(state), ", ".join(code(to) for to in MessageState if to in MOVES[state]) or "none: nothing follows")
        for state in MessageState
    )
    ends = ", ".join(code(state) for state in MessageState if state in TERMINAL)
    return page(
        "States",
        "## States of a message",
        table(("state", "what it means"), _told(MessageState)),
        f"Ends, whatever else is known: {ends}. `sent` is one too where no report was asked for or none can come.",
        "## Moves",
        "A move that is not listed cannot happen. What the network says always wins, however late: a message that "
        "`expired` here and arrived there becomes `delivered`.",
        table(("from", "to"), moves),
        "## Reasons",
        "`reason` of a message, where its state alone does not say why.",
        table(("reason", "what it means"), _told(Reason)),
        "## States of an attempt",
        "An attempt is one submit of one part on one SIM. A message's `timeline` tells of them.",
        table(("state", "what it means"), _told(AttemptState)),
        "Why there is an attempt:",
        table(("kind", "what it means"), _told(AttemptKind)),
        "States and conditions of a modem stand in [modems](../modems.md#states).",
    )


def errors() -> str:
    """The page of error codes."""
    return page(
        "Error codes",
        "## Of the API",
        "The `code` of a problem document ([errors](../api.md#errors)).",
        _problems(),
        "## Classes of refusals",
        "What a modem or a network refuses has a code, and each code a class, which decides what follows.",
        table(("class", "what follows"), ((code(value), words) for value, words in _documented(ErrorClass))),
        "## +CMS ERROR",
        "Of message commands: 1 to 127 are the network's (3GPP TS 24.011 8.2.5.4), 128 to 255 the service centre's "
        "(23.040 9.2.3.22), 300 to 500 the modem's (27.005 3.2.5). A family may read its own vendor codes otherwise.",
        table(("code", "meaning", "class"), _codes(CMS_MEANINGS, CMS_CLASSES)),
        "## +CME ERROR",
        "Of the other commands (27.007 9.2).",
        table(("code", "meaning", "class"), _codes(CME_MEANINGS, CME_CLASSES)),
        "## TP-Status of a delivery report",
        "What the service centre says became of a message (23.040 9.2.3.15).",
        table(("TP-ST", "meaning", "counts as"), _statuses()),
    )


def _told(kind: type[Enum]) -> Iterator[tuple[str, str]]:
    """Values with the comments that stand behind them in the source."""
    words = dict(_COMMENT.findall(inspect.getsource(kind)))
    return ((code(one.value), words[one.name]) for one in kind)


def undescribed() -> list[str]:
    """States and reasons without a comment; a test holds that there are none."""
    kinds: tuple[type[Enum], ...] = (MessageState, Reason, AttemptState, AttemptKind)
    return [f"{kind.__name__}.{one.name}" for kind in kinds for one in kind if one.name not in _names(kind)]


def _names(kind: type[Enum]) -> set[str]:
    return {name for name, _ in _COMMENT.findall(inspect.getsource(kind))}


def _documented(kind: type[Enum]) -> Iterator[tuple[str, str]]:
    words = dict(_DOCSTRING.findall(inspect.getsource(kind)))
    return ((one.value, words[one.name]) for one in kind)


def _codes(meanings: dict[int, str], classes: dict[int, ErrorClass]) -> Iterator[tuple[str, str, str]]:
    """Neighbours that mean the same share a line."""
    first = last = None
    for number in [*sorted(meanings), None]:
        if last is not None and number == last + 1 and meanings[number] == meanings[last]:
            last = number
            continue
        if first is not None and last is not None:
            shown = str(first) if first == last else f"{first} to {last}"
            yield shown, meanings[first], code(classes[first].value)
        first = last = number


def _statuses() -> Iterator[tuple[str, str, str]]:
    for status in map(DeliveryStatus, range(0x80)):
        if "reason" not in status.meaning:  # neither reserved nor each service centre's own
            yield code(f"0x{status.value:02X}"), status.meaning, effect(status.value).name.lower()


def _problems() -> str:
    """The table of docs/api.md, which tests hold against the code; its links are turned."""
    text = API.read_text(encoding="utf-8").partition("\n## Errors\n")[2]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return re.sub(r"\]\((\w)", r"](../\1", "\n".join(lines))
