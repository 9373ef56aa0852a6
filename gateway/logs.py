"""The log: one line an event, as text or as JSON, with phone numbers masked whatever writes them.

Texts, codes and keys never come here: they are `Secret`, which does not format itself. Numbers do reach the log, by
way of other programs' words too (a modem's result, an exception), so they are masked where a line is made.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Literal, TextIO

from gateway.masking import redacted

_QUIET = ("apscheduler", "waitress", "werkzeug", "urllib3")
"""Libraries whose news is nobody's news: warnings and worse only."""


class _Formatter(logging.Formatter):
    """What both forms share: the time in UTC with milliseconds, the event, and the trace of an exception."""

    def _time(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"

    def _event(self, record: logging.LogRecord) -> str:
        return redacted(record.getMessage())

    def _trace(self, record: logging.LogRecord) -> str | None:
        return redacted(self.formatException(record.exc_info)) if record.exc_info else None


class TextFormatter(_Formatter):
    """`2026-01-31T08:00:00.000Z INFO simwire.dispatcher modem sim1 is ready`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, the trace of an exception below it."""
        line = f"{self._time(record)} {record.levelname} {record.name} {self._event(record)}".replace("\n", " | ")
        trace = self._trace(record)
        return f"{line}\n{trace}" if trace else line


class JsonFormatter(_Formatter):
    """One JSON object a line: time, level, logger, event, and `trace` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, always."""
        document = {
            "time": self._time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self._event(record),
        }
        if trace := self._trace(record):
            document["trace"] = trace
        return json.dumps(document)


def configure(form: Literal["text", "json"], level: str = "INFO", stream: TextIO | None = None) -> None:
    """Log to `stream` (standard error) from now on; `level` is a name of the logging module, in any case."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    threading.excepthook = _thread_failed


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """A thread that dies tells it in the log's own form, not in a trace with numbers on standard error."""
    name = failure.thread.name if failure.thread else "unknown"
    trace = (failure.exc_type, failure.exc_value or failure.exc_type(), failure.exc_traceback)
    logging.getLogger("simwire").critical("thread %s ended by an error", name, exc_info=trace)
