"""How far the web server has got: its loop, which takes what comes, and its threads, which answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class WebWatch:
    """Stands before the WSGI application and counts what is begun; asked by another thread."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app
        """What answers requests that are begun from now on."""
        self._begun = self._beats = 0
        self._asked = -1
        self.server: Any = None
        """The server of Waitress that it stands in; its types leave out what is asked here."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - what WSGI says
        """Count a request and pass it on."""
        self._begun += 1  # two threads at once may count one: that it changes is all that matters
        return self.app(environ, start_response)

    def threads(self) -> int | None:
        """How many requests were begun; None while none waits for a thread."""
        return self._begun if self.server.task_dispatcher.queue else None

    def loop(self) -> int:
        """How often the loop has come round when it was asked to; asks again."""
        if self._asked != self._beats:  # else what was asked before is still to come
            self._asked = self._beats
            self.server.trigger.pull_trigger(self._beat)
        return self._beats

    def _beat(self) -> None:
        self._beats += 1
