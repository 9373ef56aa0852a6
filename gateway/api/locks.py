"""Numbers that are locked or stopped after too many wrong codes, and how an operator clears them."""

from __future__ import annotations

from gateway.api.operations import Answer, Call, Operation, Parameter
from gateway.api.render import moment, moment_or_none
from gateway.api.shapes.codes import Forgiven, LockList
from gateway.api.view import ServiceView
from gateway.messages import Json
from gateway.policy import Delivery
from gateway.store import Guesses

_CLIENT = Parameter("client", {"type": "string"}, "Only for this client; without: for every one")


def render(guesses: Guesses) -> Json:
    """A locked number as JSON."""
    return {
        "number": guesses.recipient,
        "client": guesses.client,
        "delivery": Delivery(guesses.delivery).word,
        "failures": guesses.failures,
        "locked_until": moment_or_none(guesses.locked_until),
        "stopped": guesses.stopped,
        "newest_at": moment(guesses.newest_at),
    }


def operations(service: ServiceView) -> tuple[Operation, ...]:
    """The operations on /v1/locks."""
    ledger = service.store.challenges.guesses

    def listing(_: Call) -> Answer:
        return 200, {"items": [render(one) for one in ledger.shut(service.clock.now())]}

    def clear(call: Call, number: str) -> Answer:
        to = service.intake.admission.number(number, "number")
        cleared = ledger.clear(to, call.query.get("client"), service.clock.now(), actor=call.principal.actor)
        return 200, {"number": to, "cleared": cleared}

    return (
        Operation(
            "GET", "/v1/locks", "list_locks", "Numbers at which too many wrong codes were tried, newest first",
            ("admin",), listing, 200, LockList,
        ),
        Operation(
            "DELETE", "/v1/locks/{number}", "clear_lock", "Forgive a number its wrong codes", ("admin",), clear, 200,
            Forgiven, query=(_CLIENT,), refusals=(422,),
        ),
    )  # fmt: skip
