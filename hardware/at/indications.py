"""What a modem says unasked: which lines those are, and which of them bring a PDU on a second line.

Sources: 3GPP TS 27.005 3.4.1 (+CMTI, +CMT, +CBMI, +CBM, +CDSI, +CDS), 27.007 (registration, calls, USSD, time), V.250
(RING) and the vendors' lists of unsolicited result codes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Indication:
    """An unsolicited result code. Two-line ones (+CDS, +CMT, +CBM) carry the PDU of their second line as hex."""

    prefix: str
    """What it is, without colon: `+CMTI`, `^RSSI`, `RING`, `Call Ready`."""
    line: str
    """The first line as it came, stripped of white space at both ends."""
    pdu: str | None = None

    def __repr__(self) -> str:
        octets = "" if self.pdu is None else f", pdu of {len(self.pdu) // 2} octets"
        return f"Indication({self.prefix!r}, line of {len(self.line)} characters{octets})"


# Known by name, for the commands that answer bare text: there an unknown `+…` line is part of the answer (ATI).
KNOWN = frozenset(
    (
        "+CMTI", "+CMT", "+CDS", "+CDSI", "+CBM", "+CBMI", "+CREG", "+CGREG", "+CEREG", "+C5GREG", "+CUSD",
        "+CRING", "+CLIP", "+CCWA", "+COLP", "+CDIP", "+CSSI", "+CSSU", "+CIEV", "+CTZV", "+CTZE", "+CTZU",
        "+CTZDST", "+CGEV", "+CPIN", "+CFUN", "+CSQ", "+CLCC", "+QIND", "+QUSIM", "+QNTP", "+QUSTATS", "+CUSATP",
        "+CUSATEND", "+ZUSIMR", "+ZDONR", "+ZPASR", "+ZEND", "+ZPSTM", "+WIND", "+SIM", "+STIN", "+CRSL", "+CREADY",
        "+READY", "+CIREGU", "+CSCON", "+CEDRXP", "+CNEMIU", "+CMGS", "+CMCCSI", "+CMCCSS", "+CGCONT", "+PBREADY",
        "+CSDSU", "+PACSP1", "+CPLMNSTAT",
    )
)  # fmt: skip

# Unsolicited lines without a sign in front. The value is what the line must be: exactly that, or begin with it.
_EXACT_WORDS = (
    "RING", "RDY", "APP RDY", "Call Ready", "SMS Ready", "PB DONE", "SMS DONE", "NORMAL POWER DOWN", "POWERED DOWN",
    "POWER DOWN", "OVER-TEMPERATURE POWER DOWN", "MODEM:STARTUP", "STARTUP", "SMSFULL",
)  # fmt: skip
_LEADING_WORDS = ("UNDER-VOLTAGE", "OVER-VOLTAGE", "UNDER-TEMPERATURE", "OVER-TEMPERATURE", "DST:", "SIM DROP", "RING ")
_WORDS = {word.upper(): word for word in _EXACT_WORDS}

STARTS = frozenset(("RDY", "APP RDY", "^SYSSTART", "MODEM:STARTUP", "STARTUP", "+CREADY"))
"""Prefixes that say: the modem has just started."""

REBOOTS = STARTS | {"NORMAL POWER DOWN", "POWERED DOWN", "POWER DOWN", "^SHUTDOWN", "OVER-TEMPERATURE POWER DOWN"}
"""Prefixes that say: the modem starts or stops, what was set is gone and what was asked is not answered any more."""

_SIGNED = re.compile(r"([+^*#!%][A-Za-z][A-Za-z0-9_]*)(?=[:\s]|$)")


def indication_prefix(line: str) -> str | None:
    """The prefix of `line` where it has the form of an unsolicited result code, else None."""
    signed = _SIGNED.match(line)
    if signed is not None:
        return signed[1]
    word = _WORDS.get(line.upper())
    if word is not None:
        return word
    for leading in _LEADING_WORDS:
        if line.startswith(leading):
            return leading.rstrip(": ")
    return None


def is_known(prefix: str) -> bool:
    """Whether `prefix` is unsolicited by name and not by its form alone; vendors' own signs always are."""
    return prefix[0] != "+" or prefix in KNOWN or prefix.startswith("+UU")


_TWO_LINES = re.compile(
    r"""(?P<prefix>\+CDS|\+CBM|\+CMT):[ ]*
        (?:(?:"[^"]*"|[^",]*),[ ]*)?        # <alpha> of +CMT, mostly empty
        (?P<length>\d{1,3})
        (?:[ ]+(?P<pdu>[0-9A-Fa-f]+))?\Z""",
    re.VERBOSE,
)
_TEXT_MODE_MESSAGE = re.compile(r'\+CMT: *"[^"]*",|\+CBM: *\d+,')


@dataclass(frozen=True, slots=True)
class Announcement:
    """The first line of a two-line indication in PDU mode: how many octets the TPDU on the second one has."""

    prefix: str
    line: str
    length: int

    def fits(self, line: str) -> bool:
        """Whether `line` is hex of the announced length; the service centre's address in front is not counted in it."""
        return is_hex(line) and len(line) // 2 == self.length + 1 + int(line[:2], 16)

    def resembles(self, line: str) -> bool:
        """Whether `line` is a PDU at all: some modems announce a length that is not the one they send."""
        return len(line) >= 24 and is_hex(line)


def announcement(line: str) -> Announcement | Indication | None:
    """What `line` announces: a PDU to come, an indication that is complete with its PDU after a space, or nothing."""
    header = _TWO_LINES.match(line)
    if header is None or (header["prefix"] != "+CMT" and line.count(",")):
        return None
    prefix, length, pdu = header["prefix"], int(header["length"]), header["pdu"]
    if pdu is None:
        return Announcement(prefix, line, length)
    return Indication(prefix, line[: header.start("pdu")].rstrip(), pdu)


def announces_text(line: str) -> bool:
    """Whether `line` is the first of a two-line indication in text mode, whose second line is anybody's text."""
    return _TEXT_MODE_MESSAGE.match(line) is not None


_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")


def is_hex(line: str) -> bool:
    """Whether `line` is whole octets in hex and nothing else."""
    return _HEX.match(line) is not None
