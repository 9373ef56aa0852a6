"""The text of a code for one person at one time: language, amounts and times written for the locale, in one part
where that is possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

import babel
from babel.dates import format_date, format_time, get_timezone
from babel.numbers import format_currency

from gateway.messages import Secret
from gateway.refusals import InvalidInput
from gateway.templates import Locale, Template, load_all
from hardware.pdu import Segmentation, segment, transliterate

RETRIEVER_BYTES = 140
"""Longest message that Android's SMS Retriever reads, in bytes."""
_RETRIEVER_START = "<#> "  # wanted by older Play services, harmless to newer ones
_PLAIN = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'", "\u200e": None, "\u200f": None})


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

    def __init__(self, organisation: str, country: str, zone: str | None, locale: str) -> None:
        self._organisation, self._country = organisation, country
        self._zone = zone_of(zone)
        self._locales = load_all()
        self._default = locale
        self._fallback = self._locales[_language_of(locale)]
        self._written = lru_cache(maxsize=256)(self._write_moment)
        self._regional = lru_cache(maxsize=256)(self._find_regional)

    def compose(self, order: Order, code: Secret, asked: float, until: float) -> Composed:
        """The text for `code`, requested at `asked` and valid until `until` (Unix seconds).

        Of the template's texts the longest one that fits in one part is taken; where none does, the one with the
        fewest parts. Raises InvalidInput for an unknown template, or where the SMS Retriever could not read any.
        """
        warnings = []
        wanted = order.locale or self._default
        language = self._locales.get(_language_of(wanted))
        if language is None:
            warnings.append(f"locale: no texts in {wanted}; written in {self._default}")
            language, wanted = self._fallback, self._default
        texts = language.texts.get(order.template)
        if texts is None:
            raise InvalidInput.of("template", f"no such template; there are: {', '.join(language.texts)}")
        regional = self._regional(language.language, wanted)
        values = self._values(order, language, regional, code, asked, until)
        text, segmentation, rewritten = _choose(texts, values, order, code)
        if rewritten:
            warnings.append(f"written with look-alikes to stay in the GSM 7-bit alphabet: {rewritten}")
        if segmentation.forcing:
            warnings.append(f"{spelled(segmentation.forcing)} forces UCS-2: 70 characters a part instead of 160")
        if len(segmentation.segments) > 1:
            warnings.append(f"the text needs {len(segmentation.segments)} parts")
        return Composed(Secret(text), segmentation, str(regional), tuple(warnings))

    def _find_regional(self, language: str, wanted: str) -> babel.Locale:
        """The locale that numbers and times are written in: the territory asked for, else the organisation's own."""
        territories = [part.upper() for part in wanted.replace("-", "_").split("_")[1:] if len(part) == 2]
        for territory in (*territories[:1], self._country):
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
        amount = written_amount(order.amount, order.currency, regional) if order.amount is not None else None
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


def _language_of(locale: str) -> str:
    return locale.replace("-", "_").split("_")[0].lower()


def written_amount(amount: Decimal, currency: str | None, locale: babel.Locale) -> str:
    """An amount as people of `locale` write it, with the currency's code where its sign is not in GSM 7-bit."""
    if currency is None:
        return f"{amount:f}"
    text = format_currency(amount, currency, locale=locale).translate(_PLAIN)
    if segment(text).forcing:
        pattern = locale.currency_formats["standard"].pattern.replace("¤", "¤¤")
        text = format_currency(amount, currency, format=pattern, locale=locale).translate(_PLAIN)
    return text


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
