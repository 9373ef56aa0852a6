"""What a configuration's texts of codes may cost: a second part, or UCS-2 for a character that could be another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from gateway.config import Config
from gateway.messages import Secret
from gateway.templates import Locale, Template
from gateway.texts import Order, Texts, spelled
from hardware.pdu import segment, transliterate

FIRST_GLANCE = 30
"""Characters of a text that a notification shows."""
LONG_PAYEE = "Riverside Books & Co"
LONG_AMOUNT = (Decimal("12345.67"), "EUR")
LONG_MOMENTS = [datetime(2026, 11, 28, hour, 48, tzinfo=UTC).timestamp() for hour in range(0, 24, 3)]
"""Wherever the gateway stands, one of them has an hour of two digits, on a clock of twelve hours too."""


def text_warnings(config: Config) -> list[str]:
    """What to tell about the texts of codes, a line for each thing; the longest usual values are looked at."""
    gateway, otp = config.gateway, config.otp
    texts = Texts(gateway.organisation, gateway.country, gateway.timezone, otp.locale, otp.templates)
    code = Secret("0" * otp.length)
    found = _about_the_name(gateway.organisation)
    for name, locale in texts.locales.items():
        base = texts.locales[locale.language]
        own = {
            template: variants
            for template, variants in locale.texts.items()
            if locale is base or variants is not base.texts.get(template)
        }
        said = []
        if name in texts.beyond_gsm7:
            said.append("its script forces UCS-2: 70 characters a part")
        else:
            found += _about_letters(name, own)
        if long := [template for template in own if _may_need_two(texts, locale, template, code)]:
            said.append(f"even the shortest text may need 2 parts: {', '.join(long)}")
        found += [f"otp.templates: {name}: {'; '.join(said)}"] if said else []
        found += _about_the_glance(name, own, gateway.organisation)
    return found


def _about_the_name(organisation: str) -> list[str]:
    forcing = segment(organisation).forcing
    if not forcing:
        return []
    consequence = f"{spelled(forcing)} forces UCS-2: 70 characters a part"
    if (alike := transliterate(organisation)) != organisation:
        consequence += f'; where that saves a part, "{alike}" is written'
    return [f"gateway.organisation: {consequence}"]


def _about_letters(name: str, texts: dict[str, tuple[Template, ...]]) -> Iterator[str]:
    for template, variants in texts.items():
        for place, variant in enumerate(variants):
            if forcing := segment(variant.words).forcing:
                where = f"otp.templates: {name}.{template}[{place}]"
                yield f"{where}: {spelled(forcing)} forces UCS-2: 70 characters a part"


def _about_the_glance(name: str, texts: dict[str, tuple[Template, ...]], organisation: str) -> Iterator[str]:
    for template, variants in texts.items():
        for place, variant in enumerate(variants):
            before = variant.pieces[: variant.pieces.index(("code",))]
            if sum(len(piece) if isinstance(piece, str) else len(organisation) for piece in before) > FIRST_GLANCE:
                yield (
                    f"otp.templates: {name}.{template}[{place}]: with this organisation the code comes after "
                    f"{FIRST_GLANCE} characters, where notifications may not show it"
                )


def _may_need_two(texts: Texts, locale: Locale, template: str, code: Secret) -> bool:
    """Whether a text for usual values does not fit in one part. The context is what the template cannot do without."""
    needed = frozenset().union(*(variant.needed for variant in locale.texts[template]))
    amount, currency = LONG_AMOUNT if "amount" in needed else (None, None)
    order = Order(
        template,
        locale.name,
        operation=locale.operation if "operation" in needed else None,
        payee=LONG_PAYEE if "payee" in needed else None,
        amount=amount,
        currency=currency,
        reference="INV-2026-000123" if "reference" in needed else None,
    )
    return any(
        len(texts.compose(order, code, moment, moment + 300).segmentation.segments) > 1 for moment in LONG_MOMENTS
    )
