"""The text of a code for one person at one time: language, amounts and times written for the locale, in one part
where that is possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import babel
from babel.dates import format_date, format_time, get_timezone
from babel.numbers import format_currency

from gateway.messages import Secret
from gateway.refusals import InvalidInput
from gateway.templates import TRANSACTION, Locale, Template, language_of, load_all
from hardware.pdu import Segmentation, segment, transliterate

RETRIEVER_BYTES = 140
"""Longest message that Android's SMS Retriever reads, in bytes."""
_RETRIEVER_START = "<#> "  # wanted by older Play services, harmless to newer ones
ORIGIN_BOUND_CODE = (4, 10)
"""Fewest and most characters of a code that browsers fill in; one of them is a digit."""
_PLAIN = str.maketrans(
    {**dict.fromkeys("\u00a0\u202f\u2009", " "), "\u2019": "'", **dict.fromkeys("\u061c\u200e\u200f")}
)
"""Spaces that do not break, typographic apostrophes, and marks of direction, which only cost characters."""
_ABUTTING = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
"""Between the letters of a currency and a digit, where locale data leaves the space to whoever writes them."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a text is to say, apart from the code and the times."""

    template: str
    locale: str | None = None
    operation: str | None = None
    payee: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    reference: str | None = None
    webotp_domain: str | None = None
    app_hash: str | None = None
    transaction: bool = False
    """Whether a transaction is confirmed: its text must show it, whatever the template."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A text that is ready to be sent."""

    text: Secret
    segmentation: Segmentation = field(repr=False)
    locale: str
    warnings: tuple[str, ...] = ()


def zone_of(name: str | None) -> tzinfo:
    """The time zone of that IANA name; the system's for None."""
    return ZoneInfo(name) if name else get_timezone()


class Texts:
    """Composes the texts of one organisation."""

    def __init__(
        self, organisation: str, country: str, zone: str | None, locale: str, folder: Path | None = None
    ) -> None:
        self._organisation, self._country = organisation, country
        self._zone = zone_of(zone)
        self.locales = load_all(folder)
        self.beyond_gsm7 = frozenset(name for name, one in self.locales.items() if _is_beyond_gsm7(one))
        """Names of the locales whose script forces UCS-2."""
        self._default = locale
        self._written = lru_cache(maxsize=256)(self._write_moment)
        self._regional = lru_cache(maxsize=256)(self._find_regional)
        self._texts_of = lru_cache(maxsize=256)(self._find_texts)

    def compose(self, order: Order, code: Secret, asked: float, until: float) -> Composed:
        """The text for `code`, requested at `asked` and valid until `until` (Unix seconds).

        Of the template's texts the longest one that fits in one part is taken; where none does, the one with the
        fewest parts. Raises InvalidInput for a template that is not there or shows what the order does not have, for
        one that hides a transaction, and where no phone could read what is meant for it.
        """
        _check_origin_bound(order, code)
        language, wanted, warnings = self._language(order)
        texts = language.texts[order.template]
        regional = self._regional(language.language, wanted)
        values = self._values(order, language, regional, code, asked, until)
        _check_shown(order, texts, values)
        text, segmentation, rewritten = _choose(texts, values, order, code)
        if rewritten:
            warnings.append(f"written with look-alikes to stay in the GSM 7-bit alphabet: {rewritten}")
        if segmentation.forcing and language.name not in self.beyond_gsm7:
            warnings.append(f"{spelled(segmentation.forcing)} forces UCS-2: 70 characters a part instead of 160")
        if (parts := len(segmentation.segments)) > 1:
            warnings.append(f"the text needs {parts} parts")
            if order.webotp_domain is not None:
                warnings.append(f"webotp_domain: browsers may not fill in a code from a text of {parts} parts")
            if order.app_hash is not None:
                warnings.append(f"app_hash: the SMS Retriever may not find a text of {parts} parts")
        return Composed(Secret(text), segmentation, str(regional), tuple(warnings))

    def _language(self, order: Order) -> tuple[Locale, str, list[str]]:
        """Whose texts are taken, the locale of amounts and times, and what to tell about it; raises InvalidInput."""
        wanted = order.locale or self._default
        language, warnings = self._texts_of(wanted), []
        if language is None:
            warnings.append(f"locale: no texts in {wanted}; written in {self._default}")
        elif order.template not in language.texts and order.template in self._fallback.texts:
            warnings.append(f"template: none named {order.template} in {wanted}; written in {self._default}")
            language = None
        if language is None:
            language, wanted = self._fallback, self._default
        if order.template not in language.texts:
            raise InvalidInput.of("template", f"no such template; there are: {', '.join(language.texts)}")
        return language, wanted, warnings

    @property
    def _fallback(self) -> Locale:
        """The texts of the configured language, which the configuration has checked to be there."""
        return self._texts_of(self._default) or self.locales["en"]

    def _find_texts(self, wanted: str) -> Locale | None:
        """Texts for the territory asked for, else the organisation's own, else the language's; None for none."""
        language = language_of(wanted)
        territory = next(iter(_territories(wanted)), self._country)
        return self.locales.get(f"{language}_{territory}") or self.locales.get(language)

    def _find_regional(self, language: str, wanted: str) -> babel.Locale:
        """The locale that numbers and times are written in: the territory asked for, else the organisation's own."""
        for territory in (*_territories(wanted), self._country):
            try:
                return babel.Locale(language, territory)
            except babel.UnknownLocaleError:
                continue
        return babel.Locale(language)

    def _values(
        self, order: Order, language: Locale, regional: babel.Locale, code: Secret, asked: float, until: float
    ) -> dict[str, str]:
        date, time = self._written(int(asked // 60), regional)
        operation = order.operation or (language.operation if order.template == "transaction" else None)
        amount = None
        if order.amount is not None:
            any_sign = language.name in self.beyond_gsm7
            amount = written_amount(order.amount, order.currency, regional, any_sign=any_sign)
        values = {
            "code": code.reveal(),
            "organisation": self._organisation,
            "date": date,
            "time": time,
            "until": self._written(int(until // 60), regional)[1],
            "operation": operation,
            "amount": amount,
            "payee": order.payee,
            "reference": order.reference,
        }
        return {name: value for name, value in values.items() if value is not None}

    def _write_moment(self, minute: int, regional: babel.Locale) -> tuple[str, str]:
        moment = datetime.fromtimestamp(minute * 60, self._zone)
        date = format_date(moment.date(), "short", locale=regional)
        return date.translate(_PLAIN), format_time(moment.timetz(), "short", locale=regional).translate(_PLAIN)


def _territories(locale: str) -> list[str]:
    """The territory of a locale like `pt-BR`, in a list of one; an empty list where it names none."""
    return [part.upper() for part in re.split("[-_]", locale)[1:] if len(part) == 2][:1]


def _is_beyond_gsm7(language: Locale) -> bool:
    """Whether not even look-alikes could write the language in the GSM 7-bit alphabet, as Arabic."""
    return any(segment(transliterate(char)).forcing for phrase in language.warning for char in phrase)


def _check_origin_bound(order: Order, code: Secret) -> None:
    text, (fewest, most) = code.reveal(), ORIGIN_BOUND_CODE
    if order.webotp_domain is not None and not (
        fewest <= len(text) <= most and text.isascii() and text.isalnum() and any(char.isdigit() for char in text)
    ):
        raise InvalidInput.of(
            "code", f"browsers fill in {fewest} to {most} letters and digits, at least one of them a digit"
        )


def _check_shown(order: Order, texts: tuple[Template, ...], values: Mapping[str, str]) -> None:
    for template in texts:
        if order.transaction and (hidden := TRANSACTION - template.fields):
            names = ", ".join(sorted(hidden))
            raise InvalidInput.of("template", f"{order.template} does not show {names}: a transaction's text must")
        if not values.keys() >= template.needed:
            name = min(template.needed - values.keys())
            raise InvalidInput.of(f"context.{name}", f"is required: the template {order.template} shows it")


def written_amount(amount: Decimal, currency: str | None, locale: babel.Locale, *, any_sign: bool = False) -> str:
    """An amount as people of `locale` write it, in Latin digits.

    The currency's code takes the place of a sign that is not in GSM 7-bit, unless `any_sign` may be written.
    """
    if currency is None:
        return f"{amount:f}"
    pattern = locale.currency_formats["standard"].pattern
    text = ""
    for form in (pattern, pattern.replace("¤", "¤¤")):
        text = format_currency(amount, currency, form, locale, numbering_system="latn").translate(_PLAIN).strip()
        if any_sign or not segment(text).forcing:
            break
    return _ABUTTING.sub(" ", text)


def spelled(characters: tuple[str, ...], most: int = 5) -> str:
    """Characters for people, e.g. `"ç" (U+00E7)`."""
    names = [f'"{character}" (U+{ord(character[0]):04X})' for character in characters[:most]]
    return ", ".join(names) + (f" and {len(characters) - most} more" if len(characters) > most else "")


def _choose(
    texts: tuple[Template, ...], values: Mapping[str, str], order: Order, code: Secret
) -> tuple[str, Segmentation, str]:
    """Text, its segments, and the look-alikes that were put in ("ş→s"), empty where none were."""
    too_long = 0
    best: tuple[str, Segmentation, str] | None = None
    for spelling, rewritten in _spellings(values):
        for template in texts:
            text = _with_machine_lines(template.render(spelling), order, code)
            if order.app_hash is not None and (size := len(text.encode())) > RETRIEVER_BYTES:
                too_long = size
                continue
            segmentation = segment(text)
            if len(segmentation.segments) == 1:
                return text, segmentation, rewritten
            if best is None or len(segmentation.segments) < len(best[1].segments):
                best = text, segmentation, rewritten
    if best is None:
        raise InvalidInput.of(
            "app_hash",
            f"the SMS Retriever reads {RETRIEVER_BYTES} bytes at most and the text has {too_long}: shorten it",
        )
    return best


def _spellings(values: Mapping[str, str]) -> Iterator[tuple[Mapping[str, str], str]]:
    """The values as they are; then, where that frees them from UCS-2, with look-alikes for what GSM 7-bit lacks."""
    yield values, ""
    foreign = {name: value for name, value in values.items() if segment(value).forcing}
    rewritten = {name: transliterate(value) for name, value in foreign.items()}
    if foreign and not any(segment(value).forcing for value in rewritten.values()):
        characters = dict.fromkeys(char for value in foreign.values() for char in segment(value).forcing)
        yield {**values, **rewritten}, ", ".join(f"{char}→{transliterate(char)}" for char in characters)


def _with_machine_lines(text: str, order: Order, code: Secret) -> str:
    """Add what phones read by themselves; the origin-bound line must be the last one, with nothing after it."""
    if order.app_hash is not None:
        text = f"{_RETRIEVER_START}{text}\n{order.app_hash}"
    if order.webotp_domain is not None:
        blank = "" if order.app_hash is not None else "\n"
        text = f"{text}\n{blank}@{order.webotp_domain} #{code.reveal()}"
    return text
