"""Every language that is shipped: what its texts say, in which alphabet, and how it writes amounts, dates and times."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages import Secret
from gateway.templates import PURPOSES, TRANSACTION, load_all
from gateway.texts import Order, Texts
from hardware.pdu import Alphabet, segment

LANGUAGES = ("ar", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "tr")
IN_GSM7 = tuple(language for language in LANGUAGES if language != "ar")
HOMES = {"en": "GB", "ar": "EG"}
EVENING = datetime(2026, 11, 28, 21, 58, 42, tzinfo=UTC).timestamp()
SHOWN = {"code": "012345", "organisation": "Example Bank", "date": "28/11/2026", "time": "10:58 p.m."}
SHOWN |= {"until": "11:03 p.m.", "operation": "x", "amount": "€ 1.234,50", "payee": "Garden Shop", "reference": "INV-7"}


@cache
def texts(country: str = "GB", zone: str = "Europe/London") -> Texts:
    return Texts("Example Bank", country, zone, "en")


def order(purpose: str, locale: str, *, context: bool) -> Order:
    if context or purpose == "transaction":
        return Order(purpose, locale, None, "Garden Shop", Decimal("49.90"), "EUR", "INV-7" if context else None)
    return Order(purpose, locale)


def test_these_are_the_languages() -> None:
    assert tuple(sorted(load_all())) == LANGUAGES
    for language, locale in load_all().items():
        assert set(locale.texts) == set(PURPOSES), language


@pytest.mark.parametrize("context", [False, True])
@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_sent(language: str, purpose: str, context: bool) -> None:
    composed = texts().compose(order(purpose, language, context=context), Secret("012345"), EVENING, EVENING + 300)
    text = composed.text.reveal()
    locale = load_all()[language]
    assert text.count("012345") == 1
    assert "012345" in text[:30]
    assert len(composed.segmentation.segments) == 1
    assert composed.segmentation.alphabet is (Alphabet.UCS2 if language == "ar" else Alphabet.GSM7)
    assert composed.warnings == ()
    assert any(phrase.casefold() in text.casefold() for phrase in locale.warning)
    until = {"ar": "10:03 م"}.get(language, "22:03")
    assert "Example Bank" in text and until in text
    if language != "ar":
        assert "21:58" in text
    if purpose == "transaction":
        assert locale.operation in text and "Garden Shop" in text and "49" in text
    assert "  " not in text and " ." not in text and " ," not in text


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_ladder(language: str, purpose: str) -> None:
    """Each is shorter than the one before, says all of what it must, and is in GSM 7-bit where that was promised."""
    locale = load_all()[language]
    lengths = []
    for variant in locale.texts[purpose]:
        text = variant.render(SHOWN)
        lengths.append(len(text))
        assert text.count("012345") == 1 and "012345" in text[:30]
        assert any(phrase.casefold() in text.casefold() for phrase in locale.warning)
        assert variant.fields >= {"code", "organisation", "until"}
        if language in IN_GSM7:
            assert "time" in variant.fields
            assert segment(text).forcing == ()
        if purpose == "transaction":
            assert variant.fields >= TRANSACTION
    assert lengths == sorted(lengths, reverse=True) and len(lengths) == len(set(lengths)) >= 3
    if language in IN_GSM7:
        assert len(segment(text).segments) == 1


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("language", IN_GSM7)
def test_long_values_and_a_long_code_still_fit_in_one_part(language: str, purpose: str) -> None:
    by = Texts("Caisse Cooperative du Nord", "US", "Europe/London", "en")
    wanted = Order(purpose, language, None, "Jardins de Provence", Decimal("12345.67"), "EUR")
    composed = by.compose(wanted, Secret("0123456789"), EVENING, EVENING + 300)
    assert len(composed.segmentation.segments) == 1
    assert "Caisse Cooperative du Nord" in composed.text.reveal()


SPOTS = [
    ("en", "GB", "€1,234.50", "28/11/2026", "21:58"),
    ("en-US", "GB", "€1,234.50", "11/28/26", "9:58 PM"),
    ("fr", "FR", "1 234,50 €", "28/11/2026", "21:58"),
    ("fr-CA", "GB", "1 234,50 €", "2026-11-28", "21 h 58"),
    ("de", "DE", "1.234,50 €", "28.11.26", "21:58"),
    ("de", "AT", "€ 1.234,50", "28.11.26", "21:58"),
    ("de", "CH", "EUR 1'234.50", "28.11.26", "21:58"),
    ("es", "ES", "1.234,50 €", "28/11/26", "21:58"),
    ("es-MX", "ES", "EUR 1,234.50", "28/11/26", "9:58 p.m."),
    ("it", "IT", "1.234,50 €", "28/11/26", "21:58"),
    ("pt", "PT", "1 234,50 €", "28/11/26", "21:58"),
    ("pt_BR", "PT", "€ 1.234,50", "28/11/2026", "21:58"),
    ("nl", "NL", "€ 1.234,50", "28-11-2026", "21:58"),
    ("pl", "PL", "1 234,50 €", "28.11.2026", "21:58"),
    ("tr", "TR", "€1.234,50", "28.11.2026", "21:58"),
    ("ar", "EG", "1,234.50 €", "28/11/2026", "9:58 م"),
    ("ar-SA", "GB", "1,234.50 €", "28/11/2026", "9:58 م"),
    ("ar-MA", "GB", "1.234,50 €", "28/11/2026", "21:58"),
]


@pytest.mark.parametrize(("locale", "country", "amount", "date", "time"), SPOTS)
def test_amounts_dates_and_times_as_people_there_write_them(
    locale: str, country: str, amount: str, date: str, time: str, tmp_path: Path
) -> None:
    language = locale[:2]
    shape = f"{{code}} {{organisation}}|{{amount}}|{{date}}|{{time}}|{{until}} {load_all()[language].warning[0]}"
    (tmp_path / f"{language}.toml").write_text(f"[plain]\ntexts = ['{shape}']\n", encoding="utf-8")
    by = Texts("Example Bank", country, "Europe/London", "en", tmp_path)
    wanted = Order("plain", locale, amount=Decimal("1234.50"), currency="EUR")
    text = by.compose(wanted, Secret("012345"), EVENING, EVENING + 300).text.reveal()
    assert text.split("|")[1:4] == [amount, date, time]


def test_the_short_form_of_an_amount() -> None:
    for language, written in {
        "de": "49,90 €",
        "fr": "49,90 €",
        "pl": "49,90 €",
        "tr": "€49,90",
        "ar": "49.90 €",
    }.items():
        composed = texts().compose(order("transaction", language, context=False), Secret("012345"), EVENING, EVENING)
        assert written in composed.text.reveal()


@pytest.mark.parametrize(
    ("locale", "currency", "written"),
    [
        ("pl-PL", "PLN", "1 234,50 PLN"),  # zł has a letter that would force UCS-2
        ("tr-TR", "TRY", "TRY 1.234,50"),  # so has ₺
        ("pt-BR", "BRL", "R$ 1.234,50"),
        ("en-GB", "GBP", "£1,234.50"),
        ("ar-EG", "EGP", "1,234.50 ج.م."),  # Arabic goes as UCS-2 anyway
        ("ar-SA", "SAR", "1,234.50 ر.س."),
    ],
)
def test_currencies_of_ones_own(locale: str, currency: str, written: str) -> None:
    wanted = Order("transaction", locale, payee="Shop", amount=Decimal("1234.50"), currency=currency)
    composed = texts().compose(wanted, Secret("012345"), EVENING, EVENING + 300)
    assert written in composed.text.reveal()
    assert len(composed.segmentation.segments) == 1


@given(
    st.sampled_from([locale for locale, *_ in SPOTS] + ["ar-EG", "ar-DZ", "ar-IQ", "en-IN", "es-US"]),
    st.sampled_from(PURPOSES),
    st.decimals(min_value=0, max_value=10**9, places=2),
    st.sampled_from(["EUR", "USD", "GBP", "TRY", "PLN", "SAR", "EGP", "JPY"]),
    st.integers(0, 4_000_000_000),
    st.sampled_from(["Europe/London", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham"]),
)
def test_digits_are_latin_and_nothing_invisible_is_sent(
    locale: str, purpose: str, amount: Decimal, currency: str, asked: int, zone: str
) -> None:
    wanted = Order(purpose, locale, payee="Shop", amount=amount, currency=currency)
    text = texts("GB", zone).compose(wanted, Secret("012345"), asked, asked + 600).text.reveal()
    assert all(char.isascii() for char in text if char.isdigit())
    assert not set(text) & set("\u00a0\u202f\u2009\u200e\u200f\u061c\u2066\u2067\u2068\u2069")
    assert "\n" not in text


def test_the_zone_decides_the_date_too() -> None:
    text = texts("GB", "Asia/Tokyo").compose(Order("login", "en"), Secret("012345"), EVENING, EVENING + 300)
    assert "29/11/2026 at 06:58" in text.text.reveal()
