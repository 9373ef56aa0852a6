"""The outbox: durable messages, the attempts that carry them, and the facts that settle them.

`Outbox` is one class in layers, each in a file of its own: `parts` (what all share), `matching` (reports), `outcomes`
(what a submit came to), `strays` (late answers), `modes` (how it is delivered), `accepting` (enqueue), `claims` (claim
to begin), `second_ways` (copies of codes), `upkeep` (what time does), `queries` (reading).
"""

from __future__ import annotations

from gateway.store.queries import Queries


class Outbox(Queries):
    """See the module."""
