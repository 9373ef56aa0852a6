"""What networks say about a SIM's credit, and what is read out of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.balance import BalanceRule, DecimalMark, amount, amount_pattern, ussd_code

ANY = r"([-\d.,' ]+)"


def rule(pattern: str = ANY, decimal: DecimalMark = "auto") -> BalanceRule:
    return BalanceRule("*100#", pattern, Decimal(1), 3600.0, decimal)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *(("12.50", "12.5"), ("12,50", "12.5"), ("1.234,56", "1234.56"), ("1,234.56", "1234.56"), ("7", "7")),
        *(("1 234,56", "1234.56"), ("1'234.56", "1234.56"), ("1\u202f234,5", "1234.5"), ("1.234.567", "1234567")),
        *(("1,234", "1234"), ("0.125", "0.125"), ("1234.567", "1234.567"), (".50", "0.5"), ("Rs.50", "50")),
        *(("-3.20", "-3.2"), ("−3,20", "-3.2"), ("3.20-", "-3.2"), ("(5.00)", "-5"), ("£-1", "-1"), ("٣٫٥٠", "3.5")),
    ],
)
def test_amounts_as_people_write_them(said: str, meant: str) -> None:
    assert amount(said) == Decimal(meant)


@pytest.mark.parametrize("said", ["", "none", "-", "1,2.3,4.5,6", "1..2"])
def test_what_is_no_amount(said: str) -> None:
    assert amount(said) is None


@pytest.mark.parametrize(("mark", "meant"), [(".", "1.234"), (",", "1234"), ("auto", "1234")])
def test_three_decimals_are_said_to_be_some(mark: DecimalMark, meant: str) -> None:
    assert amount("1.234", mark) == Decimal(meant)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(("Balance: £10.00", "10"), ("Dear customer, you have EUR 1.234,56 left", "1234.56"), ("-£3.20 due", "-3.2")),
        *(("Saldo: - 5", "5"), ("Guthaben-7,10 EUR", "7.1"), ("minus −2,5", "-2.5"), ("no number", None)),
    ],
)
def test_the_first_amount_that_the_pattern_finds(text: str, meant: str | None) -> None:
    found = rule(r"(\d[\d.,]*)").read(text)
    assert found == (None if meant is None else Decimal(meant))


def test_a_piece_of_a_number_is_taken_as_the_whole() -> None:
    assert rule(r"(\d+[.,]\d\d)").read("credit 1,234.56 until 01.02.") == Decimal("1234.56")
    assert rule(r"(\d\d)").read("credit 12,345.67") == Decimal("12345.67")


def test_only_what_stands_where_the_pattern_says() -> None:
    assert rule(r"balance is (\S+)").read("Call 0800123 now. Your balance is 4.50.") == Decimal("4.5")


CURRENCIES = st.sampled_from(["", "£", "€", "$", "EUR ", "Rs "])
WORDS = st.sampled_from(["Balance: ", "Your credit is ", "Saldo ", "Баланс: ", ""])
WAYS = st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("", "."), ("", ","), ("\u00a0", ",")])


@given(st.integers(-(10**9), 10**9), WAYS, CURRENCIES, WORDS, st.sampled_from(["-", "−"]))
def test_every_amount_in_every_way_of_writing_is_read_as_it_is(
    cents: int, way: tuple[str, str], currency: str, words: str, minus: str
) -> None:
    group, mark = way
    whole, decimals = divmod(abs(cents), 100)
    text = f"{whole:,}".replace(",", group) + f"{mark}{decimals:02}"
    sign = minus if cents < 0 else ""
    said = f"{words}{sign}{currency.strip()}{text} valid until tomorrow"
    if currency.strip().isalpha():
        said = f"{words}{currency}{sign}{text} valid until tomorrow"
    pattern = r"(\d[\d.,' \u00a0]*)"
    assert rule(pattern).read(said) == Decimal(cents) / 100


@given(st.text(max_size=160), st.sampled_from(["auto", ".", ","]))
def test_whatever_a_network_says_is_an_amount_or_none(text: str, mark: DecimalMark) -> None:
    found = rule(r"(.+)", mark).read(text)
    assert found is None or found.is_finite()


@pytest.mark.parametrize("code", ["*100#", "*#06#", "#123#", "*101*1#"])
def test_codes(code: str) -> None:
    assert ussd_code(code) == code


@pytest.mark.parametrize("code", ["100", "*100", "*100#\r", '*1"#', "", "*#"])
def test_what_is_no_code(code: str) -> None:
    with pytest.raises(ValueError, match="USSD code"):
        ussd_code(code)


@pytest.mark.parametrize("pattern", ["(", r"\d+", r"(\d+)(\d+)"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"regular expression|groups"):
        amount_pattern(pattern)
