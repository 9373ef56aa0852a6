"""The parts of python-gsmmodem-new that are sound, and the only place of this package that imports it.

Taken over: septet packing with fill bits and the semi-octet (swapped BCD) coding, both ways. Not taken over: its
unpacking (drops a last `@` that fills up an octet), its alphabet table, user data, time stamp and address decoders.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # python-gsmmodem-new 0.13.0 has invalid escapes and `is` with literals in its source: noise at first compile.
    warnings.simplefilter("ignore")
    from gsmmodem import pdu as _library

_TO_HEX = str.maketrans("*#abc", "ABCDE")  # 23.040 9.1.2.3: what the semi-octets 1010 to 1110 stand for
_FROM_HEX = str.maketrans("abcde", "*#abc")


def pack_septets(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack one septet per octet into 7 bits each after `fill_bits` (0-6) zero bits (23.038 6.1.2.1)."""
    # The library counts from the other end: its `padBits` is how far the first septet is shifted out to the right.
    return bytes(_library.packSeptets(bytearray(septets), (7 - fill_bits) % 7))


def pack_semi_octets(digits: str) -> bytes:
    """Swapped semi-octets of `digits` (0-9 * # a b c), an odd last one filled up with 1111 (23.040 9.1.2.3)."""
    return bytes(_library.encodeSemiOctets(digits.translate(_TO_HEX)))


def unpack_semi_octets(octets: bytes, count: int) -> str:
    """The first `count` semi-octets as digits; a filler (1111) ends the number early (23.040 9.1.2.3)."""
    digits: str = _library.decodeSemiOctets(bytearray(octets))
    return digits[:count].partition("f")[0].translate(_FROM_HEX)
