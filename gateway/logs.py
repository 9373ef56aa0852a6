"""The log: one line an event, as text or as JSON, with phone numbers masked whatever writes them.

Under systemd the journal has the time and takes the level from the number in front of a line (sd-daemon(3)).

Texts, codes and keys never come here: they are `Secret`, which does not format itself. Numbers do reach the log, by
way of other programs' words too (a modem's result, an exception), so they are masked where a line is made.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

from gateway.masking import redacted

_QUIET = ("apscheduler", "waitress", "werkzeug", "urllib3")
"""Libraries whose news is nobody's news: warnings and worse only."""


_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Levels and the priorities of syslog(3) that they are."""
_DEBUG = 7
_PLACE = re.compile(r"%(?:[-#0 +]*\d*(?:\.\d+)?([a-zA-Z])|%)")
_SUBJECTS = {
    "modem": "modem",
    "message": "message_id",
    "challenge": "challenge_id",
    "webhook": "webhook",
    "event": "event_id",
    "key": "key_id",
}
"""Words in the text of a line, and the fields that are made of what stands behind them."""
_MODEM_THREAD = "modem-"


def fields(record: logging.LogRecord) -> dict[str, object]:
    """What a line is about, for programs: `log.info("modem %s is ready", name)` is about a modem."""
    found: dict[str, object] = {}
    name = record.threadName or ""
    if name.startswith(_MODEM_THREAD):
        found["modem"] = name.removeprefix(_MODEM_THREAD)
    if not isinstance(record.args, tuple):
        return found
    values = iter(record.args)
    for place in _PLACE.finditer(str(record.msg)):
        if place[1] is None:
            continue
        value = next(values, None)
        before = str(record.msg)[: place.start()].rstrip().rpartition(" ")[2]
        if before in _SUBJECTS and isinstance(value, str | int):
            found[_SUBJECTS[before]] = redacted(value) if isinstance(value, str) else value
    return found


class _Formatter(logging.Formatter):
    """What both forms share: the time in UTC with milliseconds, the event, and the trace of an exception."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def _marked(self, record: logging.LogRecord, lines: str) -> str:
        """For the journal, each line with its priority in front."""
        if not self._journal:
            return lines
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG)
        return "\n".join(f"<{priority}>{line}" for line in lines.split("\n"))

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
        head = "" if self._journal else f"{self._time(record)} "
        line = f"{head}{record.levelname} {record.name} {self._event(record)}".replace("\n", " | ")
        trace = self._trace(record)
        return self._marked(record, f"{line}\n{trace}" if trace else line)


class JsonFormatter(_Formatter):
    """One JSON object a line: time, level, logger, thread, event, what it is about, and `trace` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, always."""
        document = {
            "time": self._time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "event": self._event(record),
            **fields(record),
        }
        if trace := self._trace(record):
            document["trace"] = trace
        return self._marked(record, json.dumps(document))


def to_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream goes to the journal: systemd.exec(5) says which one does, as it may have been redirected."""
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


def configure(form: Literal["text", "json"], level: str = "INFO", stream: TextIO | None = None) -> None:
    """Log to `stream` (standard error) from now on; `level` is a name of the logging module, in any case."""
    stream = stream or sys.stderr
    handler, journal = logging.StreamHandler(stream), to_journal(stream, os.environ)
    handler.setFormatter(JsonFormatter(journal=journal) if form == "json" else TextFormatter(journal=journal))
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
