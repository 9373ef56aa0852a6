"""What limits a key, as options of `simwire keys` and in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click
from pydantic import BaseModel, ValidationError

from gateway import scopes
from gateway.policy import Delivery
from gateway.quantities import compact
from gateway.store import KeyInfo

F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound=BaseModel)

_NONE = "none"
"""What takes a limit away again in `keys set`."""
_FIELDS = {
    "networks": "--network",
    "countries": "--country",
    "templates": "--template",
    "longest_lifetime": "--max-lifetime",
    "rates": "--rate",
    "short_codes": "--short-codes",
    "delivery": "--delivery",
    "redirect_to": "--redirect-to",
    "expires_at": "--expires",
    "expires_in": "--expires",
    "scopes": "--scope",
}
"""The option that each field of a key comes from."""
_OPTIONS = (
    click.option("--expires", metavar="WHEN", help="When it ends: a duration from now like 90d, or a time."),
    click.option("--network", "networks", multiple=True, metavar="CIDR", help="Where it may be used from; repeatable."),
    click.option("--country", "countries", multiple=True, metavar="CODE", help="Where it may send to; repeatable."),
    click.option("--template", "templates", multiple=True, metavar="NAME", help="Texts of its codes; repeatable."),
    click.option("--max-lifetime", "longest_lifetime", metavar="DURATION", help="The longest lifetime it may ask for."),
    click.option("--rate", "rates", multiple=True, metavar="RATE", help="How many it may send: 100/1h; repeatable."),
    click.option("--short-codes/--no-short-codes", default=None, help="Whether it may send to short codes."),
    click.option(
        "--delivery",
        type=click.Choice([mode.word for mode in Delivery]),
        help="live: sent; catch: kept and never sent; redirect: all to one handset.",
    ),
    click.option("--redirect-to", metavar="NUMBER", help="The handset of --delivery redirect."),
)


def policy_options(command: F) -> F:
    """The options for what limits a key; the command gets those that were given as `limits`, by field."""
    wrapped: Any = command
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]  # click's decorators return what they were given


def scope_option(without: str) -> Callable[[F], F]:
    """--scope, repeatable; `without` says what holds when it is not given."""
    return click.option(
        "--scope",
        "given",
        multiple=True,
        type=click.Choice(scopes.ALL),
        metavar="SCOPE",
        help=f"What it may do; may be repeated. Without: {without}. All: {' '.join(scopes.ALL)}.",
    )


def in_words(info: KeyInfo) -> str:
    """What limits a key, in words for people."""
    policy = info.policy
    said = {
        "from": " ".join(policy.networks),
        "to": " ".join(policy.countries),
        "templates": " ".join(policy.templates),
        "lifetime up to": "" if policy.longest_lifetime is None else compact(policy.longest_lifetime),
        "rate": " ".join(map(str, policy.rates)),
        "delivery": "" if policy.delivery is Delivery.LIVE else policy.delivery.word,
        "redirected to": policy.redirect_to or "",
    }
    return ", ".join(
        [f"{name} {value}" for name, value in said.items() if value] + ["short codes"] * policy.short_codes
    )


def asked_for(limits: dict[str, Any]) -> dict[str, Any]:
    """The limits that were given, by field; `none` takes one away."""
    asked: dict[str, Any] = {}
    for name, value in limits.items():
        if value in (None, ()):
            continue
        if isinstance(value, tuple):
            asked[name] = () if value == (_NONE,) else value
        else:
            asked[name] = None if value == _NONE else value
    if "expires" in asked:
        when = asked.pop("expires")
        asked["expires_at" if when is None or "T" in when or "-" in when else "expires_in"] = when
    return asked


def read(model: type[M], values: dict[str, Any]) -> M:
    """Check what was given; raises click's UsageError naming the options."""
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        wrong = []
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            wrong.append(f"{_FIELDS.get(name, name)}: {detail['msg'].removeprefix('Value error, ')}")
        raise click.UsageError("; ".join(wrong)) from None
