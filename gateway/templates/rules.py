"""What every text of a code must say, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .grammar import CONTEXT, Template, braced

TRANSACTION = frozenset({"operation", "amount", "payee"})
"""What a text must show before somebody confirms a transaction with its code."""
EARLY = 20
"""Characters of words that may stand before the code: notifications show the first thirty or so."""
REQUIRED = frozenset({"code", "organisation", "until"})


def problems_of(template: Template, name: str, warning: Sequence[str], *, last: bool) -> list[str]:
    """What is wrong with a text of the template `name`; `warning` are the phrases that say never to share the code.

    All but the last, shortest one of several texts must also say when the code was asked for.
    """
    required = REQUIRED | (frozenset() if last else {"time"}) | (TRANSACTION if name == "transaction" else frozenset())
    problems = []
    if missing := required - template.fields:
        problems.append(f"must show {braced(missing)}")
    if hidden := (required & template.fields) - template.needed:
        problems.append(f"{braced(hidden)} must not stand in […]")
    problems += _about_the_code(template)
    problems += _about_context(template, name)
    said = " ".join("".join(piece if isinstance(piece, str) else "{}" for piece in _always(template)).split())
    if not any(phrase.casefold() in said.casefold() for phrase in warning):
        problems.append(f"must say never to share the code, in one of the phrases of [words] warning: {_any(warning)}")
    if re.search(r"[\x00-\x1f\x7f\u2028\u2029]", template.words):
        problems.append("must be one line, without tabs or other control characters")
    if re.search(r"\w://|\bwww\.", template.words, re.IGNORECASE):
        problems.append("must hold no link: people who are used to links in codes follow a thief's too")
    return problems


def _always(template: Template) -> list[str | tuple[str]]:
    return [piece for group in template.groups if not group.optional for piece in group.pieces]


def _any(phrases: Sequence[str]) -> str:
    return ", ".join(f'"{phrase}"' for phrase in phrases) or "there are none"


def _about_the_code(template: Template) -> list[str]:
    pieces = template.pieces
    if (times := pieces.count(("code",))) != 1:
        return [f"must show {{code}} exactly once, not {times} times"] if times else []
    before = pieces[: pieces.index(("code",))]
    if {piece[0] for piece in before if isinstance(piece, tuple)} - {"organisation"} or (
        sum(len(piece) for piece in before if isinstance(piece, str)) > EARLY
    ):
        return [f"must show {{code}} early: after {{organisation}} and {EARLY} characters at most"]
    return []


def _about_context(template: Template, name: str) -> list[str]:
    """Fields of the context may be missing, except where the request for that template must bring them."""
    given = {"transaction": TRANSACTION, "login": None, "password_change": None, "signup": None, "custom": None}
    if name not in given:
        return []  # a template of one's own: what it needs is asked of each request
    if unsure := (template.needed & CONTEXT) - (given[name] or frozenset()):
        return [f"{braced(unsure)} may be missing and must stand in […]"]
    return []
