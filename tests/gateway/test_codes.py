"""The code in a text, as test systems are told it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codes import LOOKED_AT, code_in
from gateway.messages import Secret
from gateway.templates import load_all
from gateway.texts import Order, Texts

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
TEXTS = Texts("Example Bank", "GB", "Europe/London", "en")
LOCALES = load_all()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your code is 482913", "482913"),
        ("482913 is your Example code. Valid until 11:49, 23/11/2026.", "482913"),
        ("G-482913 is your verification code.", "482913"),
        ("Your code: 482-913. Do not share it.", "482913"),
        ("Ihr Code lautet 482 913", "482913"),
        ("PIN 4829 for +447700900123", "4829"),
        ("Order 10023456: your code is 4829", "4829"),
        ("In 2026 the password is 55120", "55120"),
        ("Use A7K9QX to log in", "A7K9QX"),
        ("Pay €482913 with code 77012", "77012"),
        ("Example\n\n@example.com #991234", "991234"),
        ("Your code is 111222\n\n@example.com #333444", "333444"),
        ("Your code is 111222\n\n@example.com #333444 @frame.example", "333444"),
        ("Your parcel is at the desk.", None),
        ("Call +447700900123 before 12:30", None),
        ("See https://example.com/482913", None),
        ("You owe 482913€", None),
        ("", None),
    ],
)
def test_the_code_that_a_person_would_type(text: str, code: str | None) -> None:
    assert code_in(text) == code


@given(
    code=st.from_regex(r"[0-9]{6,10}", fullmatch=True),
    locale=st.sampled_from([*LOCALES, "en-US", "fr-CA"]),
    template=st.sampled_from(sorted(LOCALES["en"].texts)),
    amount=st.decimals("0.01", "999999.99", places=2),
    currency=st.sampled_from(["GBP", "EUR", "USD", "PLN"]),
    payee=st.sampled_from(["Garden Shop", "Bücher & Co", "Łódź 24"]),
    host=st.sampled_from([None, "example.com"]),
)
def test_in_our_own_texts_it_is_always_the_code(
    code: str, locale: str, template: str, amount: Decimal, currency: str, payee: str, host: str | None
) -> None:
    order = Order(template, locale, payee=payee, amount=amount, currency=currency, webotp_domain=host)
    composed = TEXTS.compose(order, Secret(code), NOON, NOON + 300)
    assert code_in(composed.text.reveal()) == code


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text: str) -> None:
    found = code_in(text)
    assert found is None or (found and found == "".join(found.split()))


def test_the_last_of_several_bound_lines_and_no_host_is_none() -> None:
    assert code_in("@a.example #111222\n@b.example #333444") == "333444"
    assert code_in("@a.example #111222\r\n") == "111222"
    assert code_in("@ #x code 482913") == "482913"


@pytest.mark.parametrize(
    "text",
    ["@" + "#" * 40_000 + "\t", "@a " + "# " * 20_000, "pin 1234 " * 5_000, "1234 " * 8_000, "@a #" * 10_000 + "\x00"],
)
def test_no_text_keeps_it_busy(text: str) -> None:
    for _ in range(300):  # as a list of recipients, or a round of what falls due, asks for
        found = code_in(text)
    assert found == code_in(text[:LOOKED_AT]), "what stands behind that is not looked at"


def test_the_nearest_word_is_found_among_many() -> None:
    assert code_in("your code 1 of the pin, the otp: 771204 or 881305 there") == "771204"
    assert code_in("code, code. Room 4455667 on floor 55443322 has the password 5566") == "5566"
