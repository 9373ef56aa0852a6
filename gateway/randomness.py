"""Random octets and numbers: from OpenSSL's generator (NIST SP 800-90A), which the system's random source seeds.

To ask the system itself each time lets the interpreter go, and under load other threads take it. A machine that is
resumed twice from one snapshot of its memory gets the same ones twice, as with any generator that has a state.
"""

from __future__ import annotations

from ssl import RAND_bytes as octets

__all__ = ["below", "octets"]


def below(end: int) -> int:
    """A number from 0 to `end` - 1, all equally likely."""
    bits = (end - 1).bit_length()
    count = -(-bits // 8)
    while (value := int.from_bytes(octets(count)) >> (8 * count - bits)) >= end:
        pass  # not its remainder: that would favour the low ones
    return value
