"""What a masked trace shows of a line: everything that is known to be harmless, and of all the rest only its length.

Harmless are names of commands, numbers of up to three digits, and words that are listed here. So a PIN, a telephone
number or a text that comes where nobody expects it is masked too. Every function returns as many characters as it got.
"""

from __future__ import annotations

import re

from hardware.tracing.tpdu import packed_letters

_WORDS = frozenset(
    word
    for words in (
        "SM ME MT SR BM TA SM_P ME_P GSM IRA UCS2 UTF8 ASCII HEX PCCP437 CUSTOM",  # memories and character sets
        "SC PS PN PU PP PC AO OI AI IR FD IP IPV4V6 LTE WCDMA UMTS",  # facilities, kinds of connection
        "BATTCHG SIGNAL SERVICE SOUNDER MESSAGE CALL ROAM SMSFULL CALLSETUP VOICE",  # indicators and calls
        "READY SIM PIN PIN2 PUK PUK2 PH NET NOT INSERTED BUSY UNKNOWN INITIALIZING",  # states of a card
        "REC READ UNREAD STO SENT UNSENT ALL",  # states of messages
        "DONE SMS PB RDY",  # starts
    )
    for word in words.split()
)
_PHRASES = frozenset(
    (
        "OK",
        "ERROR",
        "RING",
        "NO CARRIER",
        "NO ANSWER",
        "NO DIALTONE",
        "BUSY",
        "CONNECT",
        "RDY",
        "CALL READY",
        "SMS READY",
        "SMS DONE",
        "PB DONE",
        "NORMAL POWER DOWN",
        "COMMAND NOT SUPPORT",
        "TOO MANY PARAMETERS",
        "^SYSSTART",
        "+READY",
    )
)
_NUMBERS = re.compile(r"[0-4]")  # a final result of ATV0
_NAME = re.compile(r"[+^#!*$%][A-Z][A-Z0-9]{0,13}", re.IGNORECASE)
_BASIC = re.compile(r"(?:[&\\]?[A-CE-Z][0-9]{0,3}(?:=[0-9]{1,3}|\?)?)*", re.IGNORECASE)
_DIAL = re.compile(r"(?:[&\\]?[A-CE-Z][0-9]{0,3})*D", re.IGNORECASE)
_PIECE = re.compile(r'"(?P<quoted>[^"]*)"?|(?P<token>[^\W_]+)|(?P<other>.)', re.DOTALL)
_HARMLESS = re.compile(r"[0-9]{1,3}", re.ASCII)
_MOMENT = re.compile(
    r"(?:[0-9]{2}|20[0-9]{2})/[0-9]{2}/[0-9]{2},[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[+-][0-9]{1,2})?", re.ASCII
)
_HEXADECIMAL = re.compile(r"(?=.*[0-9])[0-9A-Fa-f]{4,}", re.ASCII)
_LONG_NUMBER = re.compile(r"(?<![^\W_])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}(?![^\W_])", re.ASCII)
_SERIAL = re.compile(r"\s*(?:IMEI|ESN|MEID|FSN|S/?N|SERIAL)\b[^:]*:", re.IGNORECASE)
_INFORMATION = re.compile(r"(?P<name>[+^#!*$%][A-Z][A-Z0-9]{0,13}|\+CM[ES] ERROR): ?", re.IGNORECASE)
_IDENTITY = re.compile(r"(?:\+?(?:CGM[IMR]|GM[IMR])|Manufacturer|Model|Revision): ?", re.IGNORECASE)
_USSD = re.compile(r"(?P<mode>\+CUSD: ?[0-9]? ?,? ?)(?P<text>.*?)(?P<coding>, ?[0-9]{1,3})?", re.DOTALL)

ABOUT_THE_MODEM = frozenset({"+CGMI", "+CGMM", "+CGMR", "+GMI", "+GMM", "+GMR", "I"})
"""Commands whose answers say what a modem is, and nothing of whose it is."""
_ICCID = re.compile(r"[0-9]{17,22}[Ff]?[0-9]?", re.ASCII)
SERIAL_NUMBERS = {
    **dict.fromkeys(("+CGSN", "+GSN"), (re.compile(r"[0-9]{14,17}", re.ASCII), 8)),
    "+CIMI": (re.compile(r"[0-9]{14,15}", re.ASCII), 5),
    **dict.fromkeys(
        ("+CCID", "^ICCID", "+ICCID", "!ICCID", "#CCID", "^SCID", "+QCCID", "+ZICCID", "+CICCID"), (_ICCID, 4)
    ),
}
"""Commands that tell a number of modem or card: its form, and how many of its first digits say the type, the network or
the country.
"""


def veiled(text: str) -> str:
    """Letters as x and digits as 0; what else there is stays."""
    return "".join("0" if one.isdecimal() else one if one in _PUNCTUATION else "x" for one in text)


_PUNCTUATION = frozenset("\r\n\x1a\x1b \"'+-*#,.:;=?!/()<>&^$%")


def hidden(text: str) -> str:
    """A text that people write, of which nothing stays but its line ends."""
    return "".join(one if one in "\r\n\x1a\x1b" else "x" for one in text)


def masked_command(text: str) -> str:
    """A command line without its line end; an echo of one is the same."""
    start = re.match(r"\s*AT", text, re.IGNORECASE)
    if start is None:
        return text if re.fullmatch(r"\s*(?:A/)?\s*", text, re.IGNORECASE) else veiled(text)
    shown = [start[0]]
    if dial := _DIAL.match(text, start.end()):
        return "".join((*shown, dial[0], veiled(text[dial.end() :])))
    for piece in re.findall(r'(?:[^;"]|"[^"]*(?:"|\Z))+|;', text[start.end() :]):
        name = _NAME.match(piece)
        if name is not None:
            shown += [name[0], _masked_values(piece[name.end() :], keep_long=name[0].upper() == "+IPR")]
        else:
            shown.append(piece if _BASIC.fullmatch(piece.strip()) else _masked_values(piece))
    return "".join(shown)


def command_name(text: str) -> str:
    """The name of the last command of a line, in capitals and without AT; empty for what is none."""
    line = re.match(r"\s*AT(.*)", text.upper(), re.DOTALL)
    if line is None:
        return ""
    tail = line[1].rpartition(";")[2].strip()
    name = _NAME.match(tail) or re.fullmatch(r"([A-Z])[0-9]*", tail)
    return name[name.lastindex or 0] if name is not None else ""


def masked_line(text: str, pending: str) -> str:
    """A line that a modem said while the command of the name `pending` waits for its answer."""
    bare = text.strip()
    if bare.upper() in _PHRASES or _NUMBERS.fullmatch(bare):
        return text
    if bare.startswith("+CUSD:"):
        return _masked_ussd(text)
    head = _INFORMATION.match(bare)
    if _IDENTITY.match(bare) or (pending in ABOUT_THE_MODEM and head is None):
        return _masked_identity(text)
    name = head["name"].upper() if head is not None else pending
    start = text.index(head[0]) + len(head[0]) if head is not None else 0
    if name in SERIAL_NUMBERS:
        return text[:start] + _masked_serial(text[start:], *SERIAL_NUMBERS[name])
    if head is None:
        return _masked_token(text)
    if name == "+COPS":
        return text[:start] + _LONG_NUMBER.sub(_zeroed, text[start:])
    return text[:start] + _masked_values(text[start:])


def _masked_values(text: str, *, keep_long: bool = False) -> str:
    """Values behind a command's name or in an answer."""
    shown = []
    for piece in _PIECE.finditer(text):
        whole, quoted, token = piece[0], piece["quoted"], piece["token"]
        if quoted is not None:
            shown.append(whole if _keeps(quoted) else whole[0] + _masked_token(quoted) + whole[1 + len(quoted) :])
        elif token is not None:
            known = keep_long and token.isdecimal()
            shown.append(token if known or _HARMLESS.fullmatch(token) or _known(token) else _masked_token(token))
        else:
            shown.append(whole if whole in _PUNCTUATION or whole in "_@~|\\[]{}" else "x")
    return "".join(shown)


def _keeps(quoted: str) -> bool:
    if re.fullmatch("[0-9]{3}", quoted, re.ASCII):
        return False  # it may be what somebody dialled
    return bool(_MOMENT.fullmatch(quoted) or _HARMLESS.fullmatch(quoted)) or all(map(_known, quoted.split()))


def _known(word: str) -> bool:
    return word.upper().replace("-", "") in _WORDS or word == "8859-1"


def _masked_token(text: str) -> str:
    return _zeros(text) if _HEXADECIMAL.fullmatch(text.strip()) else veiled(text)


def _zeros(text: str) -> str:
    return "".join("0" if one.isalnum() else one for one in text)


def _masked_identity(text: str) -> str:
    """What a modem says of itself, without the numbers of this one among its kind."""
    serial = _SERIAL.match(text)
    if serial is not None:
        return serial[0] + veiled(text[serial.end() :])
    return _LONG_NUMBER.sub(_zeroed, text)


def _zeroed(found: re.Match[str]) -> str:
    return _zeros(found[0])


def _masked_serial(text: str, form: re.Pattern[str], kept: int) -> str:
    def shown(token: re.Match[str]) -> str:
        whole = token[0]
        return whole[:kept] + re.sub("[0-9]", "0", whole[kept:]) if form.fullmatch(whole) else _masked_token(whole)

    return re.sub(r"[^\W_]+", shown, text)


def _masked_ussd(text: str) -> str:
    """An answer by USSD, which must stay what its coding says: hexadecimal digits where it had some."""
    found = _USSD.fullmatch(text.rstrip())
    if found is None:
        return veiled(text)
    said, rest = found["text"], text[len(text.rstrip()) :]
    inner = said.strip('"')
    quote = said[: len(said) - len(said.lstrip('"'))]
    if _HEXADECIMAL.fullmatch(inner) and len(inner) % 2 == 0:
        wide = found["coding"] is not None and int(found["coding"].strip(", ")) & 0x0C == 0x08
        shown = ("0078" * len(inner))[: len(inner)] if wide else packed_letters(len(inner) // 2)
    else:
        shown = hidden(inner)
    return found["mode"] + quote + shown + said[len(quote) + len(inner) :] + (found["coding"] or "") + rest
