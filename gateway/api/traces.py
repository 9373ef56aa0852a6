"""A trace of a modem while it works: what goes over its port, as JSON Lines, for as long as the client listens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

from flask import Request, request

from gateway import release
from gateway.api.auth import Authenticator
from gateway.api.operations import JSON_LINES, Answer, Call, Operation, Parameter, Stream
from gateway.api.problems import Problem
from gateway.api.shapes.modems import TraceEntryShape, TraceHeaderShape
from gateway.api.view import ServiceView
from gateway.api.waiting import LOOK, WaitRoom, leaving
from gateway.directory import ModemView
from gateway.refusals import Conflict, InvalidInput, NotFound, Unavailable
from gateway.store import StoreError
from hardware.clock import Clock
from hardware.discovery import is_pseudo_terminal
from hardware.tracing import Header, Recording, Tap, Wiretap

HEARTBEAT = 15.0
"""Seconds between empty lines where nothing is said; each looks whether the key is still in force."""
DEFAULT_SECONDS, MOST_SECONDS = 60.0, 86_400.0
SIMULATOR = "simulator"
_AGAIN = 10.0  # seconds after which a place may be free

_QUERY = (
    Parameter(
        "seconds",
        {"type": "number", "minimum": 0, "maximum": MOST_SECONDS, "default": DEFAULT_SECONDS},
        "How long it goes on; it also ends when the client leaves",
    ),
    Parameter(
        "mask",
        {"type": "boolean", "default": True},
        "`false` shows PINs, numbers and texts as they are, and says so in the audit log",
    ),
)


class _Lines:
    """The pieces of one trace. `close` takes the tap away, also where nobody has asked for a first piece."""

    def __init__(
        self,
        recording: Recording,
        clock: Clock,
        until: float,
        goes_on: Callable[[], bool],
        in_force: Callable[[], bool],
    ) -> None:
        self._recording, self._clock, self._until = recording, clock, until
        self._goes_on, self._in_force = goes_on, in_force
        self._beat = clock.boot() + HEARTBEAT
        self._begun = self._over = False
        self.ends = ExitStack()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> bytes:
        if not self._begun:
            self._begun = True
            return self._recording.head.encode()
        while not self._over:
            now = self._clock.boot()
            if now >= self._until or not self._goes_on():
                return self._last(now)
            if lines := self._recording.more(min(LOOK, self._until - now)):
                return lines.encode()
            if now >= self._beat:
                self._beat = now + HEARTBEAT
                return b"\n" if self._in_force() else self._last(now)
        raise StopIteration

    def _last(self, now: float) -> bytes:
        self._over = True
        self.ends.close()
        return self._recording.end(now).encode()

    def close(self) -> None:
        """End it, as the server does when the client is gone."""
        self._over = True
        self.ends.close()


def operations(service: ServiceView, waiting: WaitRoom, authenticator: Authenticator) -> tuple[Operation, ...]:
    """The operation on a modem's trace."""

    def trace(call: Call, name: str) -> Answer:
        view = next((view for view in service.modems() if view.name == name), None)
        if view is None:
            raise NotFound(f"there is no modem {name[:40]}")
        seconds, masked = _seconds(call.query.get("seconds")), _masked(call.query.get("mask"))
        begun = service.clock.boot()
        tap, wiretap = Tap(), service.wiretap(name)
        gone = leaving()
        lines = _Lines(
            Recording(tap, _header(service, view, masked=masked), begun),
            service.clock,
            begun + seconds,
            lambda: not (waiting.closed or gone()),
            _key_of(authenticator),
        )
        with ExitStack() as unwinding:
            unwinding.callback(lines.close)
            if not lines.ends.enter_context(waiting.place(call.principal.client)):
                raise Unavailable("as many requests wait as may; end one of them, or raise [api] threads", _AGAIN)
            _attach(wiretap, tap, lines.ends, name)
            call.audit("modems.trace", name, {"masked": masked, "seconds": seconds})
            unwinding.pop_all()
        return 200, Stream(lines)

    return (
        Operation(
            "GET", "/v1/modems/{name}/trace", "trace_modem", "Follow what goes over a modem's port", ("admin",), trace,
            200, TraceHeaderShape, query=_QUERY, answers=(TraceEntryShape,), refusals=(404, 409, 422, 503),
            content_type=JSON_LINES,
        ),
    )  # fmt: skip


def _attach(wiretap: Wiretap, tap: Tap, ends: ExitStack, name: str) -> None:
    if not wiretap.attach(tap):
        raise Conflict(f"modem {name} is being traced already; end that trace first")
    ends.callback(wiretap.detach, tap)


def _key_of(authenticator: Authenticator) -> Callable[[], bool]:
    """Whether the key of this request may still look; for later, without the request."""
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the stream outlives the call

    def in_force() -> bool:
        try:
            return authenticator.principal(asked).may("admin")
        except (Problem, StoreError):
            return False

    return in_force


def _header(service: ServiceView, view: ModemView, *, masked: bool) -> Header:
    configured = {modem.name: modem.port for modem in service.config.modem}
    simulated = configured.get(view.name) == SIMULATOR or is_pseudo_terminal(view.port or "")
    return Header(
        program=f"simwire {release.installed()}",
        masked=masked,
        source="simulator" if simulated else "device",
        manufacturer=view.manufacturer,
        model=view.model,
        firmware=view.firmware,
        profile=view.profile,
        recorded=datetime.fromtimestamp(service.clock.now().wall, UTC).date().isoformat(),
    )


def _seconds(written: str | None) -> float:
    try:
        seconds = DEFAULT_SECONDS if written is None else float(written)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_SECONDS:
        raise InvalidInput.of("seconds", f"from 0 to {MOST_SECONDS:g}")
    return seconds


def _masked(written: str | None) -> bool:
    if written not in (None, "true", "false"):
        raise InvalidInput.of("mask", "true or false")
    return written != "false"
