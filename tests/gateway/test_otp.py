"""Codes and their seals."""

from __future__ import annotations

import hmac
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.messages import Secret
from gateway.otp import Claim, amount_text, as_typed, fits, mismatch, new_code, seal


def keyed(value: bytes) -> bytes:
    return hmac.digest(b"k" * 32, value, "sha256")


def claim(code: str = "012345", binding: str | None = None, **context: str) -> Claim:
    return Claim(Secret(code), None if binding is None else Secret(binding), context)


@pytest.mark.parametrize("length", [6, 8, 10])
def test_codes_have_their_length_and_only_digits(length: int) -> None:
    codes = {new_code(length).reveal() for _ in range(200)}
    assert all(len(code) == length and code.isascii() and code.isdigit() for code in codes)
    assert len(codes) > 190


def test_leading_zeros_occur() -> None:
    assert any(new_code(6).reveal().startswith("0") for _ in range(400))


def test_a_code_as_typed() -> None:
    assert as_typed(1234, 6).reveal() == "001234"
    assert as_typed(0, 6).reveal() == "000000"
    assert as_typed(Secret(" 012 345\n"), 6).reveal() == "012345"
    assert as_typed(Secret("12345"), 6).reveal() == "12345"


def test_a_seal_fits_its_own_claim_only() -> None:
    whole = claim("012345", "session-1", payee="Shop", amount="49.9", currency="EUR")
    stored = seal(keyed, "c1", whole)
    assert fits(keyed, "c1", whole, stored)
    others = [
        claim("012346", "session-1", payee="Shop", amount="49.9", currency="EUR"),
        claim("012345", "session-2", payee="Shop", amount="49.9", currency="EUR"),
        claim("012345", None, payee="Shop", amount="49.9", currency="EUR"),
        claim("012345", "session-1", payee="Shop", amount="49.8", currency="EUR"),
        claim("012345", "session-1", payee="Shop", amount="49.9", currency="USD"),
        claim("012345", "session-1", payee="Shop", amount="49.9"),
        claim("012345", "session-1"),
    ]
    assert not any(fits(keyed, "c1", other, stored) for other in others)
    assert not fits(keyed, "c2", whole, stored)
    assert not fits(lambda value: hmac.digest(b"other", value, "sha256"), "c1", whole, stored)


def test_a_seal_does_not_hold_the_code() -> None:
    assert b"012345" not in seal(keyed, "c1", claim())


_parts = st.text(max_size=5)
_claims = st.builds(
    lambda code, binding, context: claim(code, binding, **context),
    _parts,
    st.none() | _parts,
    st.dictionaries(st.sampled_from(["payee", "amount", "currency"]), _parts),
)


@settings(max_examples=150)
@given(_claims, _claims)
def test_two_different_claims_never_have_one_seal(one: Claim, other: Claim) -> None:
    same = (one.code, one.binding, dict(one.context)) == (other.code, other.binding, dict(other.context))
    assert (seal(keyed, "c", one) == seal(keyed, "c", other)) == same


def test_what_differs_is_named() -> None:
    bound = Secret("session-1")
    assert mismatch(claim("1", "session-2", payee="A"), bound, {"payee": "A"}) == "binding"
    assert mismatch(claim("1", None), bound, {}) == "binding"
    assert mismatch(claim("1", "session-1", payee="B"), bound, {"payee": "A"}) == "context"
    assert mismatch(claim("1", "session-1", payee="A"), bound, {"payee": "A"}) == "code"


@pytest.mark.parametrize(
    ("amount", "text"),
    [("49.90", "49.9"), ("49.9", "49.9"), ("49", "49"), ("49.00", "49"), ("100", "100"), ("0.00", "0")],
)
def test_equal_amounts_have_one_spelling(amount: str, text: str) -> None:
    assert amount_text(Decimal(amount)) == text


def test_claims_do_not_print_secrets() -> None:
    assert "012345" not in repr(claim("012345", "session-1"))
    assert "session" not in repr(claim("012345", "session-1"))
