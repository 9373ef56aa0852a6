"""What schemathesis is told of this API before a run; it loads this module by `SCHEMATHESIS_HOOKS`.

The document cannot say which things there are, that requests shall not wait, and that the keys under which they are
made must outlive them.
"""

from __future__ import annotations

import json
import os
import zlib

import schemathesis
from hypothesis import strategies as st

from tests.contract.document import SLOW

SPARED = frozenset(os.environ.get("SIMWIRE_SPARED", "").split(","))
"""Keys that no request may end or change."""
KNOWN: dict[str, dict[str, list[str]]] = json.loads(os.environ.get("SIMWIRE_KNOWN", "{}"))
"""Real values of the parameters of each path."""
LONGEST_WAIT, LONGEST_KEY = 0.05, 255
NUMBERS = ("+447700900123", "07700 900124", "+33639981234", "0044 7700 900125", "60777")
PLAUSIBLE = {"lifetime": "5m", "modem": "sim1", "template": "login", "webotp_domain": "example.com", "locale": "fr"}
"""For fields whose strings the document describes more widely than they are taken."""
APART = ("data", "port", "replace", "silent")
"""Fields that do not go with a text, or that not every text goes with."""

schemathesis.openapi.format("phone", st.sampled_from(NUMBERS))


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, object]) -> None:
    for name, value in list((case.query or {}).items()):
        if value == "":  # the document allows empty values, which count as none; the checks do not know that
            del case.query[name]
        elif name == "wait" and _is_long(value):
            case.query[name] = LONGEST_WAIT
    chance = zlib.crc32(repr((case.method, case.path_parameters, case.query, case.body)).encode())
    for name, value in (case.path_parameters or {}).items():
        known = KNOWN.get(case.path, {}).get(name)
        if case.path.endswith(SLOW) or value in SPARED:
            case.path_parameters[name] = "somebody"
        elif known and chance % 3 == 0:
            case.path_parameters[name] = known[chance % len(known)]
    if chance % 2 and isinstance(case.body, dict) and case.meta is not None and case.meta.generation.mode.is_positive:
        case.body = _plausible(case.body)
    key = (case.headers or {}).get("Idempotency-Key")
    if key and len(key) < LONGEST_KEY:  # else nearly every request would be refused as another one under the same key
        case.headers["Idempotency-Key"] = f"{key[:200]}{chance:x}"


def _plausible(body: dict[str, object]) -> dict[str, object]:
    kept = {name: value for name, value in body.items() if name not in APART or not body.get("text")}
    return {name: PLAUSIBLE.get(name, value) if isinstance(value, str) else value for name, value in kept.items()}


def _is_long(value: object) -> bool:
    try:
        return float(value) > LONGEST_WAIT  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
