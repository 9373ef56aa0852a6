"""A short message's TPDU without what it says and to whom: the same length, and it still decodes (23.040 9.2).

Telephone numbers become zeros and texts become the letter x, under the same alphabet and the same user data header. A
reader of its own, which refuses nothing: what is no TPDU becomes zeros altogether.
"""

from __future__ import annotations

DELIVER, SUBMIT, STATUS_REPORT = 0, 1, 2
_ALPHANUMERIC = 5  # type of number, 23.040 9.1.2.5
_LONGEST_NUMBER = 20
_LONGEST_CENTRE = 12
_VALIDITY = (0, 7, 1, 7)
# Elements whose contents say how a message is put together, and nothing of it: concatenation, ports, alphabets.
_STRUCTURAL = frozenset({0x00, 0x04, 0x05, 0x08, 0x24, 0x25})
_LETTER = 0x78  # x, in the default alphabet, in ASCII and in UCS-2


class _NoTpduError(Exception):
    """The octets are no TPDU that is known here."""


def masked_tpdu(digits: str) -> str:
    """The hexadecimal digits of a service centre's address and a TPDU, masked; the same number of digits."""
    try:
        walk = _Walk(bytearray.fromhex(digits))
    except ValueError:
        return "0" * len(digits)
    try:
        walk.whole()
    except (_NoTpduError, IndexError):
        return "0" * len(digits)
    return walk.octets.hex().upper()


class _Walk:
    """Goes over the octets and masks on its way; raises _NoTpduError, IndexError where they end too early."""

    def __init__(self, octets: bytearray) -> None:
        self.octets = octets
        self._at = 0

    def whole(self) -> None:
        centre = self._octet()
        if centre > _LONGEST_CENTRE:
            raise _NoTpduError
        if centre:
            self._octet()
            self._number(centre - 1)
        first = self._octet()
        kind = first & 3
        if kind not in (DELIVER, SUBMIT, STATUS_REPORT):
            raise _NoTpduError
        if kind != DELIVER:
            self._octet()  # TP-MR
        self._address()
        if kind == STATUS_REPORT:
            self._stamp()
            self._stamp()
            self._octet()  # TP-ST
        else:
            self._octet()  # TP-PID
            coding = self._octet()
            if kind == DELIVER:
                self._stamp()
            else:
                self._skip(_VALIDITY[first >> 3 & 3])
            self._user_data(coding, header=bool(first & 0x40))
        self._rest()

    def _octet(self) -> int:
        self._at += 1
        return self.octets[self._at - 1]

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > len(self.octets):
            raise IndexError

    def _stamp(self) -> None:
        """A date and time, which stays; anything else in its place would be something that is not known here."""
        start = self._at
        self._skip(7)
        digits = [(octet & 0x0F, octet >> 4) for octet in self.octets[start : self._at]]
        if not all(low < 10 and high < 10 for low, high in digits[:6]):
            raise _NoTpduError
        _, month, day, hour, minute, second = (10 * low + high for low, high in digits[:6])
        if month > 12 or day > 31 or hour > 23 or minute > 59 or second > 59:
            raise _NoTpduError

    def _address(self) -> None:
        length, kind = self._octet(), self._octet()
        if length > _LONGEST_NUMBER:
            raise _NoTpduError
        if kind >> 4 & 7 == _ALPHANUMERIC:
            start = self._at
            self._skip((length + 1) // 2)
            self._put_septets(start, self._at, length * 4 // 7, kept_bits=0, skipped=0)
        else:
            self._number((length + 1) // 2)

    def _number(self, count: int) -> None:
        """Digits as half-octets; a filler stays."""
        start = self._at
        self._skip(count)
        for place in range(start, self._at):
            octet = self.octets[place]
            self.octets[place] = (octet & 0xF0 if octet >> 4 == 0xF else 0) | (
                octet & 0x0F if octet & 0xF == 0xF else 0
            )

    def _user_data(self, coding: int, *, header: bool) -> None:
        length, start = self._octet(), self._at
        alphabet = _alphabet(coding)
        self._skip((7 * length + 7) // 8 if alphabet == "gsm7" else length)
        body = start
        if header:
            body = start + 1 + self.octets[start]
            if body > self._at:
                raise _NoTpduError
            self._elements(start + 1, body)
        if alphabet == "gsm7":
            kept = 8 * (body - start)
            self._put_septets(start, self._at, length, kept_bits=kept, skipped=(kept + 6) // 7)
        else:
            count = self._at - body
            letters = bytes((0, _LETTER)) * (count // 2) + bytes(count % 2)
            self.octets[body : self._at] = letters if alphabet == "ucs2" else bytes((_LETTER,)) * count

    def _elements(self, at: int, end: int) -> None:
        while at < end:
            identifier, length = self.octets[at], self.octets[at + 1]
            at += 2
            if at + length > end:
                raise _NoTpduError
            if identifier not in _STRUCTURAL:
                self.octets[at : at + length] = bytes(length)
            at += length

    def _put_septets(self, start: int, end: int, count: int, *, kept_bits: int, skipped: int) -> None:
        """The letter x for the septets from `skipped` to `count`; the first `kept_bits` stay, fill bits are 0."""
        value = int.from_bytes(self.octets[start:end], "little") & ((1 << kept_bits) - 1)
        for place in range(skipped, count):
            value |= _LETTER << 7 * place
        self.octets[start:end] = value.to_bytes(end - start, "little")

    def _rest(self) -> None:
        """What storages put behind a TPDU stays where it is nothing but filler."""
        rest = self.octets[self._at :]
        if set(rest) != {0xFF}:
            self.octets[self._at :] = bytes(len(rest))


def _alphabet(coding: int) -> str:
    """`gsm7`, `octets` or `ucs2` (23.038 4)."""
    if coding < 0x80:
        return ("gsm7", "octets", "ucs2", "gsm7")[coding >> 2 & 3]
    if coding & 0xF0 == 0xE0:
        return "ucs2"
    return "octets" if coding & 0xF4 == 0xF4 else "gsm7"


def packed_letters(count: int) -> str:
    """`count` octets of packed septets that all say x, as hexadecimal digits."""
    value = 0
    for place in range(8 * count // 7):
        value |= _LETTER << 7 * place
    return value.to_bytes(count, "little").hex().upper()
