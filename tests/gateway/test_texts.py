"""Texts of codes: what they must say, in one part wherever that is possible."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages import Secret
from gateway.refusals import InvalidInput
from gateway.templates import load_all
from gateway.texts import RETRIEVER_BYTES, Order, Texts
from hardware.pdu import Alphabet

ASKED = datetime(2026, 7, 1, 8, 58, 42, tzinfo=UTC).timestamp()
UNTIL = ASKED + 300
CODE = Secret("012345")
PURPOSES = ("login", "transaction", "password_change", "signup", "custom")
PURCHASE = Order("transaction", payee="Garden Shop", amount=Decimal("1234.50"), currency="EUR")


@cache
def texts(organisation: str = "Example Bank", country: str = "GB", zone: str = "Europe/London") -> Texts:
    return Texts(organisation, country, zone, "en")


def said(order: Order, by: Texts | None = None) -> str:
    return (by or texts()).compose(order, CODE, ASKED, UNTIL).text.reveal()


@pytest.mark.parametrize("locale", ["en", "fr"])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_text_says_what_it_must_in_one_part(purpose: str, locale: str) -> None:
    order = Order(purpose, locale, payee="Garden Shop", amount=Decimal("49.90"), currency="EUR")
    composed = texts().compose(order, CODE, ASKED, UNTIL)
    text = composed.text.reveal()
    assert text.count("012345") == 1
    for needed in ("Example Bank", "09:58", "10:03", {"en": "Never share", "fr": "jamais"}[locale]):
        assert needed in text
    assert len(composed.segmentation.segments) == 1
    assert composed.segmentation.alphabet is Alphabet.GSM7
    assert composed.warnings == ()


@pytest.mark.parametrize(
    ("locale", "country", "needed"),
    [
        ("en", "GB", ("payment", "€1,234.50", "Garden Shop")),
        ("fr", "FR", ("paiement", "1 234,50 €", "Garden Shop")),
        ("en-US", "GB", ("payment", "€1,234.50", "9:58 AM")),
        ("fr_CA", "GB", ("paiement", "1 234,50 €", "Garden Shop")),
    ],
)
def test_a_transaction_says_what_it_is_in_the_form_of_the_locale(
    locale: str, country: str, needed: tuple[str, ...]
) -> None:
    order = Order("transaction", locale, payee="Garden Shop", amount=Decimal("1234.50"), currency="EUR")
    text = said(order, texts(country=country))
    for words in needed:
        assert words in text
    assert "\u00a0" not in text
    assert "\u202f" not in text


def test_operation_and_reference_are_named() -> None:
    order = Order("transaction", None, "transfer", "Shop", Decimal("49.9"), "GBP", "INV-7")
    text = said(order)
    assert "transfer, £49.90 to Shop, ref. INV-7" in text


def test_a_currency_without_a_sign_in_gsm7_is_written_by_its_code() -> None:
    order = Order("transaction", payee="Shop", amount=Decimal("1500"), currency="INR")
    composed = texts().compose(order, CODE, ASKED, UNTIL)
    assert "INR" in composed.text.reveal()
    assert "1,500.00" in composed.text.reveal()
    assert composed.segmentation.alphabet is Alphabet.GSM7


@pytest.mark.parametrize("locale", ["en", "fr"])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_long_names_shorten_the_rest_and_drop_nothing_that_must_be_said(purpose: str, locale: str) -> None:
    by = texts("Caisse Cooperative du Grand Nord")
    order = Order(purpose, locale, payee="Les Jardins de Provence SA", amount=Decimal("49.90"), currency="EUR")
    composed = by.compose(order, CODE, ASKED, UNTIL)
    text = composed.text.reveal()
    assert len(composed.segmentation.segments) == 1
    for needed in ("012345", "Caisse Cooperative du Grand Nord", "09:58", "10:03"):
        assert needed in text
    if purpose == "transaction":
        assert "Les Jardins de Provence SA" in text


def test_what_cannot_be_one_part_is_sent_whole_and_warned_of() -> None:
    order = Order("transaction", payee="x" * 140, amount=Decimal("1"), currency="EUR")
    composed = texts().compose(order, CODE, ASKED, UNTIL)
    assert len(composed.segmentation.segments) == 2
    assert "x" * 140 in composed.text.reveal()
    assert any("2 parts" in warning for warning in composed.warnings)


def test_look_alikes_save_a_part_and_are_warned_of() -> None:
    order = Order("transaction", payee="Şişli Çarşı – Łódź", amount=Decimal("10"), currency="EUR")
    composed = texts().compose(order, CODE, ASKED, UNTIL)
    assert composed.segmentation.alphabet is Alphabet.GSM7
    assert "Sisli Çarsi - Lódz" in composed.text.reveal() or "Sisli Çarsi - Lodz" in composed.text.reveal()
    assert any("Ş→S" in warning for warning in composed.warnings)


def test_what_has_no_look_alike_forces_ucs2_and_is_named() -> None:
    order = Order("transaction", payee="東京商店", amount=Decimal("10"), currency="EUR")
    composed = texts().compose(order, CODE, ASKED, UNTIL)
    assert composed.segmentation.alphabet is Alphabet.UCS2
    assert "東京商店" in composed.text.reveal()
    assert any("東" in warning and "U+6771" in warning for warning in composed.warnings)


def test_the_zone_decides_the_times() -> None:
    text = said(Order("login"), texts(zone="Asia/Tokyo"))
    assert "17:58" in text
    assert "18:03" in text


def test_an_origin_bound_code_is_the_last_line() -> None:
    text = said(Order("login", webotp_domain="login.example.com"))
    assert text.split("\n")[-1] == "@login.example.com #012345"
    assert text.split("\n")[0].count("012345") == 1


def test_a_retriever_message_starts_and_ends_as_phones_want_it_and_is_short() -> None:
    text = said(Order("login", app_hash="FA+9qCX9VSu"))
    assert text.startswith("<#> ")
    assert text.endswith("\nFA+9qCX9VSu")
    assert len(text.encode()) <= 140
    both = said(Order("login", app_hash="FA+9qCX9VSu", webotp_domain="example.com"))
    assert both.split("\n")[-2:] == ["FA+9qCX9VSu", "@example.com #012345"]
    assert len(both.encode()) <= 140


def test_a_retriever_message_that_cannot_be_short_is_refused() -> None:
    order = Order("transaction", payee="x" * 60, amount=Decimal("1"), currency="EUR", app_hash="FA+9qCX9VSu")
    with pytest.raises(InvalidInput, match="140 bytes"):
        said(order)


def test_a_language_that_is_not_there_falls_back_with_a_warning() -> None:
    composed = texts().compose(Order("login", "ja-JP"), CODE, ASKED, UNTIL)
    assert "login code" in composed.text.reveal()
    assert any("ja-JP" in warning for warning in composed.warnings)


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(InvalidInput, match="login, transaction"):
        said(Order("nothing"))


def test_a_transaction_is_shown_whatever_the_template() -> None:
    order = Order("login", payee="Shop", amount=Decimal("1"), currency="EUR", transaction=True)
    with pytest.raises(InvalidInput, match="login does not show amount, operation, payee"):
        said(order)


# -- what phones read by themselves -----------------------------------------------------------------------------------

HOSTS = st.from_regex(r"(?:[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?\.){1,4}[a-z]{2,10}", fullmatch=True)
HASHES = st.text("ABCXYZabcxyz0189+/", min_size=11, max_size=11)
CODES = st.text("0123456789ABCxyz", min_size=6, max_size=10).filter(lambda code: any(char.isdigit() for char in code))
LOCALES = st.sampled_from(sorted(load_all()))
LINES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=60)


@given(HOSTS, CODES, LOCALES, st.sampled_from(PURPOSES), LINES, st.none() | HASHES)
def test_the_last_line_is_what_the_draft_of_the_wicg_says(
    host: str, code: str, locale: str, purpose: str, payee: str, app_hash: str | None
) -> None:
    order = Order(purpose, locale, None, payee, Decimal("49.9"), "EUR", webotp_domain=host, app_hash=app_hash)
    composed, refusal = None, ""
    try:
        composed = texts().compose(order, Secret(code), ASKED, UNTIL)
    except InvalidInput as error:
        refusal = str(error)
    if composed is None:
        assert app_hash is not None and "140 bytes" in refusal
        return
    text = composed.text.reveal()
    # Its algorithm: the last line; "@", a host without spaces, one space, "#", a code without spaces.
    found = re.fullmatch(r"@([^\s@#]+) #(\S+)", text.split("\n")[-1])
    assert found is not None and found.groups() == (host, code)
    assert code in text.split("\n")[0]
    one_part = len(composed.segmentation.segments) == 1
    assert one_part == (not any("browsers may not" in warning for warning in composed.warnings))
    if app_hash is not None:
        assert text.startswith("<#> ")
        assert text.split("\n")[-2] == app_hash
        assert len(text.encode()) <= RETRIEVER_BYTES


@given(HASHES, LOCALES, st.sampled_from(PURPOSES), LINES, st.booleans())
def test_a_text_for_the_retriever_is_never_over_its_bytes(
    app_hash: str, locale: str, purpose: str, payee: str, euro: bool
) -> None:
    order = Order(purpose, locale, None, payee, Decimal("49.9"), "EUR" if euro else "INR", app_hash=app_hash)
    try:
        text, fields = said(order), []
    except InvalidInput as error:
        text, fields = "", [one.field for one in error.errors]
    if text:
        assert len(text.encode()) <= RETRIEVER_BYTES
        assert text.startswith("<#> ") and text.endswith(f"\n{app_hash}")
    assert fields == ([] if text else ["app_hash"])


@pytest.mark.parametrize("code", ["123", "12345678901", "ABCDEF", "123 456"])
def test_a_code_that_browsers_would_not_fill_in_is_refused(code: str) -> None:
    order = Order("login", webotp_domain="example.com")
    with pytest.raises(InvalidInput, match="browsers fill in 4 to 10"):
        texts().compose(order, Secret(code), ASKED, UNTIL)


def test_an_origin_bound_text_of_two_parts_is_warned_of() -> None:
    order = Order("login", webotp_domain=".".join(["a" * 40] * 4))
    composed = texts().compose(order, CODE, ASKED, UNTIL)
    assert "webotp_domain: browsers may not fill in a code from a text of 2 parts" in composed.warnings
    assert composed.text.reveal().endswith(" #012345")
