"""The reference of the metrics, from their catalogue."""

from __future__ import annotations

from docs.tools.markdown import code, page, table
from gateway.metrics.catalogue import CATALOGUE

_INTRODUCTION = """\
What `GET /metrics` gives, in Prometheus' text format. A counter ends in `_total`; a histogram has `_bucket`, `_sum` and
`_count`. No label holds a number, a text or a client's name. Besides these there are the usual `process_*` and
`python_info`. [Monitoring](../monitoring.md) tells how to collect them, which rules and dashboard there are, and what
to do about each alert."""


def render() -> str:
    """The page."""
    rows = [
        (
            code(family.name),
            "gauge" if family.kind == "info" else family.kind,
            ", ".join(code(label) for label in sorted(family.labels)),
            family.help,
        )
        for family in CATALOGUE
    ]
    return page("Metrics", _INTRODUCTION, table(("metric", "type", "labels", "what it is"), sorted(rows)))
