"""One-time codes: making them, binding them, comparing them. Pure; keeps nothing.

A code is never stored. What is stored is a seal: a keyed hash over the challenge's id, the code, the caller's binding
and the transaction's context. So a code fits one challenge, one binding and one transaction only.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from gateway import randomness
from gateway.messages import Secret

KeyedHash = Callable[[bytes], bytes]
"""HMAC-SHA-256 under a key that this module never sees."""


def new_code(length: int) -> Secret:
    """A uniform code of `length` decimal digits, leading zeros kept."""
    return Secret(f"{randomness.below(10**length):0{length}d}")


def as_typed(code: Secret | int, length: int) -> Secret:
    """A code as it comes from people and programs: without spaces; an integer with its leading zeros put back."""
    if isinstance(code, int):
        return Secret(f"{code:0{length}d}")
    return Secret("".join(code.reveal().split()))


def amount_text(amount: Decimal) -> str:
    """One spelling for equal amounts: 49.9 and 49.90 are the same."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class Claim:
    """What someone says belongs together: the code, and what it was bound to."""

    code: Secret
    binding: Secret | None
    context: Mapping[str, str]
    """Canonical strings; an absent field and an empty one differ."""


def seal(keyed: KeyedHash, challenge_id: str, claim: Claim) -> bytes:
    """What is stored of a claim: a keyed hash of all of it under one challenge."""
    binding = [] if claim.binding is None else [claim.binding.reveal()]
    context = [part for name in sorted(claim.context) for part in (name, claim.context[name])]
    return keyed(_canonical(["code", challenge_id, claim.code.reveal(), str(len(binding)), *binding, *context]))


def fits(keyed: KeyedHash, challenge_id: str, claim: Claim, stored: bytes) -> bool:
    """Whether a claim is the sealed one; takes the same time wherever it differs."""
    return hmac.compare_digest(seal(keyed, challenge_id, claim), stored)


def mismatch(claim: Claim, binding: Secret | None, context: Mapping[str, str]) -> str:
    """Which part of a claim that does not fit differs from what was bound: `binding`, `context` or `code`."""
    if claim.binding != binding:
        return "binding"
    return "context" if dict(claim.context) != dict(context) else "code"


def _canonical(parts: list[str]) -> bytes:
    # Each part goes in with its length, so that no two different lists of parts give the same octets.
    octets = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in octets)
