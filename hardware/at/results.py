"""Final result codes: which lines are one, what their codes mean, and what kind of failure each is.

Meanings are those of 3GPP TS 27.005 3.2.5 (+CMS ERROR), 24.011 8.2.5.4 (RP-cause, 0-127), 23.040 9.2.3.22 (TP-FCS,
128-255) and 27.007 9.2 (+CME ERROR). Final result codes are those of V.250 5.7.1 and of the vendors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hardware.at.codes import CME_CLASSES, CME_MEANINGS, CMS_CLASSES, CMS_MEANINGS, OTHER_WORDS, ErrorClass

__all__ = [
    "CME_MEANINGS",
    "CMS_MEANINGS",
    "ErrorClass",
    "FinalKind",
    "FinalResult",
    "classify",
    "cme_class",
    "cme_meaning",
    "cms_class",
    "cms_meaning",
]


class FinalKind(Enum):
    """The families of final results."""

    OK = "OK"
    ERROR = "ERROR"
    CMS = "+CMS ERROR"
    CME = "+CME ERROR"
    CALL = "call result"
    """What ends a call, and comes unasked too when somebody else ends one: NO CARRIER, BUSY and the like."""


@dataclass(frozen=True, slots=True)
class FinalResult:
    """A final result code as it came."""

    kind: FinalKind
    line: str
    code: int | None = None
    """Of +CMS and +CME ERROR, read from the number or from a verbose text of the standard; else None."""
    meaning: str = ""

    @property
    def ok(self) -> bool:
        """Whether the command was carried out."""
        return self.kind is FinalKind.OK


_OK = FinalResult(FinalKind.OK, "OK")
_PLAIN: dict[str, FinalResult] = {"OK": _OK}
for _line in (
    "ERROR", "COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED", "TOO MANY PARAMETERS", "PARAMETER ERROR",
    "OPERATION NOT SUPPORTED", "ABORTED",
):  # fmt: skip
    _PLAIN[_line] = FinalResult(FinalKind.ERROR, _line)
for _line in ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE", "CONNECT", "DELAYED", "BLACKLISTED"):
    _PLAIN[_line] = FinalResult(FinalKind.CALL, _line)

_CODED = re.compile(r"\+CM([ES]) ERROR(?:: *(.*))?\Z", re.DOTALL)
_NUMBER = re.compile(r"(\d{1,5})\b")


def classify(line: str) -> FinalResult | None:
    """The final result that `line` is as a whole, None where it is something else."""
    plain = _PLAIN.get(line)
    if plain is not None:
        return plain
    coded = _CODED.match(line)
    if coded is not None:
        said = (coded[2] or "").strip()
        meanings, kind = (CME_MEANINGS, FinalKind.CME) if coded[1] == "E" else (CMS_MEANINGS, FinalKind.CMS)
        code = _code(said, kind)
        meaning = meanings.get(code, "vendor code") if code is not None else said or "no code given"
        return FinalResult(kind, line, code, meaning)
    if line.startswith("MODEM ERROR:"):
        return FinalResult(FinalKind.ERROR, line)
    if line.startswith("CONNECT "):
        return FinalResult(FinalKind.CALL, line)
    return None


def numeric(line: str) -> FinalResult | None:
    """The result that `line` is after ATV0 (V.250 6.2.6): 0 for OK and 4 for ERROR.

    Only for commands that have no information text to give: elsewhere a line "0" is an answer.
    """
    if line == "0":
        return _OK
    return FinalResult(FinalKind.ERROR, line) if line == "4" else None


def cms_class(code: int | None, text: str = "", *, overrides: Mapping[int, ErrorClass] | None = None) -> ErrorClass:
    """What to do about a +CMS ERROR; `overrides` are a modem family's own codes.

    `text` stands in where the modem gave words in place of a code. Unknown is UNCERTAIN: a message may have left.
    """
    return _class(code, text, FinalKind.CMS, overrides)


def cme_class(code: int | None, text: str = "", *, overrides: Mapping[int, ErrorClass] | None = None) -> ErrorClass:
    """What to do about a +CME ERROR; as `cms_class`."""
    return _class(code, text, FinalKind.CME, overrides)


def cms_meaning(code: int | None) -> str:
    """The standard's words for a +CMS ERROR code."""
    return "no code given" if code is None else CMS_MEANINGS.get(code, "vendor code")


def cme_meaning(code: int | None) -> str:
    """The standard's words for a +CME ERROR code."""
    return "no code given" if code is None else CME_MEANINGS.get(code, "vendor code")


def _class(code: int | None, text: str, kind: FinalKind, overrides: Mapping[int, ErrorClass] | None) -> ErrorClass:
    if code is None:
        code = _code(text.partition("ERROR:")[2].strip() or text.strip(), kind)
    if code is None:
        return ErrorClass.UNCERTAIN
    if overrides is not None and code in overrides:
        return overrides[code]
    classes = CMS_CLASSES if kind is FinalKind.CMS else CME_CLASSES
    known = classes.get(code)
    if known is not None:
        return known
    # Vendors number from 512; a reserved RP-cause counts as 41, temporary failure (24.011 8.2.5.4).
    temporary = code >= 512 or (kind is FinalKind.CMS and code < 256)
    return ErrorClass.RETRY if temporary else ErrorClass.UNCERTAIN


def _words(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower().replace("(u)", "").replace("usim", "sim")).strip()


def _texts(kind: FinalKind) -> dict[str, int]:
    meanings, column = (CMS_MEANINGS, 0) if kind is FinalKind.CMS else (CME_MEANINGS, 1)
    texts = {_words(said): codes[column] for said, codes in OTHER_WORDS.items()}
    texts.update((_words(meaning), code) for code, meaning in reversed(meanings.items()))
    return texts


_VERBOSE = {kind: _texts(kind) for kind in (FinalKind.CMS, FinalKind.CME)}


def _code(said: str, kind: FinalKind) -> int | None:
    number = _NUMBER.match(said)
    if number is not None:
        return int(number[1])
    return _VERBOSE[kind].get(_words(said))
