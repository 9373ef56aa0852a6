"""The log: its two forms, and that no number and no secret gets into it."""

from __future__ import annotations

import http.client
import io
import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from waitress.server import create_server

from gateway import logs
from gateway.messages import Secret
from tests.gateway.world import World

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
    "text",
    [
        f"to={NUMBER}",
        f"{NUMBER}.",
        f"sim:001010000000001: {NUMBER}",
        "imei 490154203237518",
        "/v1/numbers/+447700900123/export",
        "/v1/numbers/%2B447700900123/erase",
        "?to=%2b447700900123&limit=1",
        "/v1/numbers/07700900123/export",
        "x=%2B447700900123",
    ],
)
def test_numbers_are_found_wherever_they_stand(text: str) -> None:
    whole = (NUMBER, NUMBER[1:], "07700900123", "001010000000001", "490154203237518")
    assert not any(number in logs.redacted(text) for number in whole)


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


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("written", ["+447700900123", "%2B447700900123", "07700900123", "00447700900123"])
def test_the_web_server_and_its_errors_never_tell_a_whole_number(
    lines: Callable[[str], Callable[[], list[str]]], form: str, written: str
) -> None:
    """A real server, an application that fails on the path that it was asked, and every level of the log."""
    told = lines(form)
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("waitress", "werkzeug"):  # also what is turned off otherwise
        logging.getLogger(name).setLevel(logging.DEBUG)

    def fail(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        raise ValueError(f"{environ['REQUEST_URI']} {environ['PATH_INFO']} {environ['QUERY_STRING']}")

    for path in (f"/v1/numbers/{written}/export", f"/v1/messages?to={written}&limit=1"):
        assert asked(fail, path) == 500
    whole = "\n".join(told())
    assert "ValueError" in whole
    for number in ("447700900123", "7700900123"):
        assert number not in whole


def asked(app: WSGIApplication, path: str) -> int:
    """The status of one request to a served application."""
    server = create_server(app, host="127.0.0.1", port=0, threads=1)
    thread = threading.Thread(target=server.run)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.effective_port, timeout=30)
    try:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status
    finally:
        connection.close()
        server.task_dispatcher.shutdown()
        # On its own thread: closed by another one it fails in select(2), and leaves the client's socket open.
        with suppress(OSError):  # its loop, awake already, may have closed it before it is woken for that
            server.trigger.pull_trigger(server.close)
        thread.join()


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("path", ["/v1/numbers/+447700900123/export", "/v1/numbers/%2B447700900123/nothing"])
def test_a_request_that_fails_inside_the_gateway_does_not_tell_its_number(
    lines: Callable[[str], Callable[[], list[str]]], world: World, form: str, path: str
) -> None:
    told = lines(form)
    with world.store.database.mark() as cx:
        cx.execute("DROP TABLE caught")
    headers = {"Authorization": f"Bearer {world.key('boss', ('admin',))}"}
    answer = world.app.test_client().get(path, headers=headers)
    assert answer.status_code in (404, 500)
    if answer.status_code == 500:
        assert any("caught" in line for line in told())
    for number in ("447700900123", "7700900123"):
        assert number not in "\n".join(told())
        assert number not in answer.text


def test_json_names_what_a_line_is_about_and_the_thread(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("json")
    log.info("modem %s: message %s, event %d of webhook %s: %5.1f %%, key %s", "sim1", "0193-a", 7, "hook1", 0.5, "k1")

    document = json.loads(written()[0])
    about = {name: document[name] for name in ("modem", "message_id", "event_id", "webhook", "key_id")}
    assert about == {"modem": "sim1", "message_id": "0193-a", "event_id": 7, "webhook": "hook1", "key_id": "k1"}
    assert (document["thread"], document["event"].endswith("0.5 %, key k1")) == ("MainThread", True)


def test_what_a_modems_thread_says_is_about_that_modem(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("json")
    thread = threading.Thread(target=lambda: log.info("the port was opened"), name="modem-sim1")
    thread.start()
    thread.join()

    assert json.loads(written()[0])["modem"] == "sim1"


def test_a_field_that_a_line_is_about_is_masked_too(lines: Callable[[str], Callable[[], list[str]]]) -> None:
    written = lines("json")
    log.info("message %s", NUMBER)
    log.info("a dictionary %(a)s", {"a": NUMBER})
    log.info("message %s is one too few: %s", NUMBER, NUMBER)

    assert NUMBER not in "\n".join(written())


@pytest.mark.parametrize("form", ["text", "json"])
def test_in_the_journal_lines_have_their_priority_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, threading.excepthook
    path = tmp_path / "journal"
    try:
        with path.open("w", encoding="utf-8") as stream:
            stat = os.fstat(stream.fileno())
            monkeypatch.setenv("JOURNAL_STREAM", f"{stat.st_dev}:{stat.st_ino}")
            logs.configure("json" if form == "json" else "text", "debug", stream)
            for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.CRITICAL):
                log.log(number, "it happened")
            try:
                raise ValueError("why")
            except ValueError:
                log.exception("failed")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        threading.excepthook = hook
    written = path.read_text(encoding="utf-8").splitlines()
    assert [line[:3] for line in written[:4]] == ["<7>", "<6>", "<4>", "<2>"]
    assert all(line.startswith("<3>") for line in written[4:])
    if form == "json":
        assert [json.loads(line[3:])["event"] for line in written] == [*["it happened"] * 4, "failed"]
    else:
        assert written[1] == "<6>INFO simwire.test it happened"
        assert len(written) > 6
        assert not re.search(r"\d{4}-\d\d-\d\dT", "\n".join(written))


def test_a_log_that_was_redirected_is_not_taken_for_the_journal(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        assert not logs.to_journal(stream, {"JOURNAL_STREAM": "8:12345"})
        assert not logs.to_journal(stream, {})
    assert not logs.to_journal(io.StringIO(), {"JOURNAL_STREAM": "8:12345"})
