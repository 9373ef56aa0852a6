"""The reference of the metrics, from what a gateway exposes."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from docs.tools.markdown import code, page, table

API = Path(__file__).resolve().parents[1] / "api.md"

_INTRODUCTION = """\
What `GET /metrics` gives, in Prometheus' text format. A counter ends in `_total`; a histogram has `_bucket`, `_sum` and
`_count`. No label holds a number, a text or a client's name. Besides these there are the usual `process_*` and
`python_info`. [The HTTP API](../api.md#metrics) tells how to collect them and what to watch."""


def render(exposition: str) -> str:
    """The page, from the text that /metrics answers with."""
    rows = []
    for family in text_string_to_metric_families(exposition):
        if family.name.startswith("simwire_"):
            name = family.name + ("_total" if family.type == "counter" else "")
            seen = {label for sample in family.samples for label in sample.labels} - {"le"}
            labels = sorted(seen or _told(name))
            rows.append((code(name), family.type, ", ".join(code(one) for one in labels), family.documentation))
    return page("Metrics", _INTRODUCTION, table(("metric", "type", "labels", "what it is"), sorted(rows)))


def _told(name: str) -> AbstractSet[str]:
    """The labels that docs/api.md gives a metric: one that has no value yet shows none."""
    found = re.search(rf"`{name}\{{([\w,]+)\}}", API.read_text(encoding="utf-8"))
    return set(found[1].split(",")) if found else set()
