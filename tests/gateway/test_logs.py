"""The log: its two forms, and that no number and no secret gets into it."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from gateway import logs
from gateway.messages import Secret

NUMBER = "+447700900123"
log = logging.getLogger("simwire.test")


@pytest.fixture
def lines() -> Iterator[Callable[[str], Callable[[], list[str]]]]:
    """Configure the log in a form; what it wrote since, line by line."""
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, threading.excepthook

    def start(form: str) -> Callable[[], list[str]]:
        stream = io.StringIO()
        logs.configure("json" if form == "json" else "text", "info", stream)
        return lambda: stream.getvalue().splitlines()

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    threading.excepthook = hook


def test_text_has_time_level_room_and_event(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("text")
    log.info("modem %s is ready", "sim1")

    (line,) = written()
    time, rest = line.split(" ", 1)
    assert time.endswith("Z")
    assert rest == "INFO simwire.test modem sim1 is ready"


def test_json_is_one_object_a_line(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("json")
    log.warning("two\nlines")

    (line,) = written()
    document = json.loads(line)
    assert (document["level"], document["logger"], document["event"]) == ("warning", "simwire.test", "two\nlines")


@pytest.mark.parametrize("form", ["text", "json"])
def test_numbers_are_masked_in_words_and_in_exceptions(
    lines: Callable[[str], Callable[[], list[str]]], form: str
) -> None:
    written = lines(form)
    try:
        raise ValueError(f"no route to {NUMBER}")
    except ValueError:
        log.exception("message to %s failed", NUMBER)

    whole = "\n".join(written())
    assert NUMBER not in whole
    assert "ValueError" in whole


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_never_gets_into_the_log(lines: Callable[[str], Callable[[], list[str]]], form: str) -> None:
    written = lines(form)
    log.info("text %s, %r, %s", Secret("hello there"), Secret("hello there"), [Secret("hello there")])

    assert "hello" not in "\n".join(written())


@pytest.mark.parametrize(
    "text", [f"to={NUMBER}", f"{NUMBER}.", f"sim:001010000000001: {NUMBER}", "imei 490154203237518"]
)
def test_numbers_are_found_wherever_they_stand(text: str) -> None:
    assert not any(number in logs.redacted(text) for number in (NUMBER, "001010000000001", "490154203237518"))


@pytest.mark.parametrize(
    "text",
    [
        "message=01930518-1234-7123-8123-012345678901 part=1",
        "after 3.14159265358979 s",
        "+CMS ERROR: 500",
        "http://127.0.0.1:8080/v1",
    ],
)
def test_what_is_no_number_stays(text: str) -> None:
    assert logs.redacted(text) == text


def test_a_line_of_text_stays_one_line(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("text")
    log.info("first\nsecond")

    assert len(written()) == 1


def test_the_news_of_libraries_is_left_out(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("text")
    logging.getLogger("apscheduler.scheduler").info("job added")

    assert written() == []


def test_a_thread_that_dies_says_so_in_the_log(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("json")

    def fail() -> None:
        raise ValueError(f"no route to {NUMBER}")

    thread = threading.Thread(target=fail, name="modem-sim1")
    thread.start()
    thread.join()

    (document,) = map(json.loads, written())
    assert (document["level"], document["event"]) == ("critical", "thread modem-sim1 ended by an error")
    assert "ValueError" in document["trace"]
    assert NUMBER not in document["trace"]
