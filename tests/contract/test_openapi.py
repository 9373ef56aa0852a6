"""The served OpenAPI document is true: whatever is sent, every answer is one that the document names.

Operations, statuses, shapes and bodies are all taken from the document, so that an operation is held to it from the
day that it is added. `SIMWIRE_FUZZ=500` makes so many random requests to each operation, and other ones every time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis

from gateway.api.operations import BODY_LIMIT
from gateway.scopes import ALL
from tests.contract.document import METHODS, Operation
from tests.contract.served import ROOT, Served, until_all

MANY = int(os.environ.get("SIMWIRE_FUZZ", "0"))
FEW = 12
# Well-formed input may be refused for what it means, authorisation is tried by tests of its own, and what DELETE ends
# (a key, a message, a challenge) can still be looked at.
NOT_CHECKED = ("positive_data_acceptance", "missing_required_header", "ignored_auth", "use_after_free")
STRANGE = {
    "nul": "a\0b",
    "lone surrogate": "a\ud800b",
    "right to left": "\u202eקוד 123456\u202c",
    "emoji": "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "combining": "Z" + "\u0301" * 300,
    "controls": "\x01\x1b[31m\x7f\u2028\ufeff",
    "long": "x" * 9000,
    "digits": "9" * 5000,
    "other digits": "+٤٤٧٧٠٠٩٠٠١٢٣",
    "markup": "'; DROP TABLE messages; --<script>%s%n${jndi:x}{{7*7}}",
    "not a character": "\U0010ffff\ufffe",
    "empty": "",
    "blank": " \t\r\n ",
}
JUNK = (None, True, -1, 0, 1.5, 1e308, 2**63, 10**400, [], {}, [[[[]]]], {"$ref": "#"})
SEGMENTS = (
    *("%00", "a%00b", "%ff%fe", "%ed%a0%80", "..", "%2e%2e", "..%2f..%2fetc", "%2F", "%5c", "%0d%0aX:y", "%25", "%"),
    *("a;b", "*", "'", "%F0%9F%92%A9", "%E2%80%AE", "x" * 4000, "0", "-1", "null", "%20", "+", "%2B447700900123"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    yield served
    served.close()


@pytest.fixture(autouse=True)
def _no_defects(served: Served) -> Iterator[None]:
    """After each test: the gateway still works, and its log knows of no request that failed inside."""
    before = served.log_size()
    yield
    assert "request failed" not in served.log(before), served.log(before)
    assert served.ask("GET", "/v1/messages").status_code == 200


def test_every_operation_succeeds_as_the_document_shows_it(served: Served) -> None:
    """A body that is the document's example, a path that lists lead to: the success status, in the success shape."""
    schema = schemathesis.openapi.from_dict(served.document)

    def succeeds(operation: Operation) -> str | None:
        said = "nothing to ask for"
        body = served.body(operation)
        for path in served.paths(operation):
            answer = served.ask(operation.method, path, json=body)
            if answer.status_code in operation.successes:
                schema[operation.path][operation.method].validate_response(answer)
                return None
            said = f"{operation.label} with {body}: {answer.status_code} {answer.text[:300]}"
        served.refill(operation)
        return said

    until_all(succeeds, [operation for operation in served.operations if not operation.streams], 30)


@pytest.mark.timeout(0 if MANY else 120)
def test_schemathesis_finds_nothing(served: Served, tmp_path: Path) -> None:
    """Examples, boundaries, random positive and negative data, and chains of requests that follow each other's ids."""
    words = [sys.executable, "-m", "schemathesis.cli", "run"]
    words += [f"{served.url}/openapi.json", "-H", f"Authorization: Bearer {served.keys['everything']}"]
    words += ["--max-examples", str(MANY or FEW), "--continue-on-failure", "--no-color", "--request-timeout", "20"]
    words += ["--exclude-checks", ",".join(NOT_CHECKED), "--report-json-path", "report.json"]
    words += [] if MANY else ["--generation-deterministic", "--no-shrink"]
    for operation in served.operations:
        words += ["--exclude-path", operation.path] if operation.streams else []
    known = {operation.path: served.known(operation.path) for operation in served.operations}
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.contract.fuzzing",
        "SIMWIRE_SPARED": ",".join(served.spared),
        "SIMWIRE_KNOWN": json.dumps(known),
    }
    run = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    tested = [operation for operation in served.operations if not operation.streams]
    assert report["operations"]["tested"] == len(tested)
    assert all(phase["status"] == "success" for phase in report["phases"].values()), report["phases"]
    assert not report["warnings"]["missing_auth"]


def test_a_stream_begins_as_the_document_says(served: Served) -> None:
    for operation in served.operations:
        if operation.streams:
            with served.ask(operation.method, served.path(operation), stream=True) as answer:
                assert operation.complaint(answer, operation.successes) is None


@pytest.mark.parametrize("key", [None, "unknown", "revoked"])
def test_without_a_key_in_force_the_answer_is_401(served: Served, key: str | None) -> None:
    for operation in served.operations:
        if operation.public:
            continue
        for path in served.paths(operation):
            answer = served.ask(operation.method, path, key, json=served.body(operation))
            assert operation.complaint(answer, {401}) is None
            assert answer.json()["code"] == "unauthorized"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_without_the_scope_is_refused_with_403(served: Served) -> None:
    for operation in served.operations:
        if operation.public:
            continue
        for path in served.paths(operation):
            answer = served.ask(operation.method, path, "nothing", json=served.body(operation))
            assert operation.complaint(answer, {403}) is None
            assert answer.json()["code"] == "scope_missing"


@pytest.mark.parametrize("scope", ALL)
def test_a_scope_opens_what_the_document_says_and_nothing_else(served: Served, scope: str) -> None:
    """Asked of things that are not there, with bodies that are none: only the door is tried."""
    for operation in served.operations:
        if operation.public or operation.streams:
            continue
        path = re.sub("{[^}]*}", "nobody", operation.path)
        answer = served.ask(operation.method, path, scope, data=b"{" if operation.takes_body else None, headers=JSON)
        assert operation.complaint(answer, operation.statuses) is None
        shut = answer.status_code == 403 and answer.json()["code"] == "scope_missing"
        assert shut is (scope not in operation.scopes | {"admin"}), f"{scope}: {operation.label} {answer.status_code}"


def test_another_clients_things_are_not_there(served: Served) -> None:
    """Messages and challenges by their ids: 404, whatever is asked of them."""
    for operation in served.operations:
        if operation.parameters and operation.path.startswith(("/v1/messages/", "/v1/otp/", "/v1/caught/")):
            for path in served.paths(operation):
                answer = served.ask(operation.method, path, "stranger", json=served.body(operation))
                assert operation.complaint(answer, {404}) is None


def test_methods_that_are_not_there_are_405_and_name_those_that_are(served: Served) -> None:
    for path, described in served.document["paths"].items():
        real = next(served.paths(next(one for one in served.operations if one.path == path)))
        for method in {*METHODS, "trace", "connect", "brew"} - set(described):
            answer = served.ask(method.upper(), real)
            assert answer.status_code == 405, f"{method} {path}: {answer.status_code}"
            assert answer.json()["code"] == "method_not_allowed"
            assert {one.upper() for one in described} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    "body",
    [b"{", b"not json", b"\xff\xfe{}", b'{"a": "\xed\xa0\x80"}', b'{"a":1}}', b"[" * 100_000, b"{'a': 1}", b"\0"],
    ids=lambda body: repr(body[:12]),
)
def test_malformed_json_is_400(served: Served, body: bytes) -> None:
    for operation in served.operations:
        if operation.takes_body:
            path = served.path(operation)
            answer = served.ask(operation.method, path, data=body, headers={"Content-Type": "application/json"})
            assert operation.complaint(answer, {400}) is None
            assert answer.json()["code"] == "malformed_json"


def test_json_of_another_form_is_422(served: Served) -> None:
    for operation in served.operations:
        if operation.takes_body:
            path = served.path(operation)
            for body in (b"[]", b"1", b'"x"', b"null", b"true", b"1e999", b'{"no such field": 1}'):
                answer = served.ask(operation.method, path, data=body, headers={"Content-Type": "application/json"})
                assert operation.complaint(answer, {422, 400} if body == b"1e999" else {422}) is None


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x", None])
def test_bodies_of_other_types_are_415(served: Served, kind: str | None) -> None:
    for operation in served.operations:
        if operation.takes_body:
            headers = {} if kind is None else {"Content-Type": kind}
            answer = served.ask(operation.method, served.path(operation), data=b"{}", headers=headers)
            assert operation.complaint(answer, {415}) is None


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_that_are_too_large_are_413(served: Served, chunked: bool) -> None:
    body = b'{"to": "' + b"1" * BODY_LIMIT + b'"}'
    headers = {"Content-Type": "application/json"}
    for operation in served.operations:
        if operation.takes_body:
            data: Any = iter([body[:1000], body[1000:]]) if chunked else body
            answer = served.ask(operation.method, served.path(operation), data=data, headers=headers)
            assert operation.complaint(answer, {413}) is None
            assert answer.json()["code"] == "body_too_large"


def test_the_server_itself_refuses_what_is_no_request(served: Served) -> None:
    """In plain text and before a key is looked at: a body of 2 MiB that is only announced, a header of 300 kB."""
    assert served.raw("POST", "/v1/messages", headers={"Content-Length": str(2 * 1024 * 1024)}).status_code == 413
    assert served.raw("GET", "/v1/messages", headers={"X-Long": "x" * 300_000}).status_code == 431
    assert served.raw("GET", "/v1/messages", headers={"X-Control": b"\x7f"}).status_code == 400


@pytest.mark.parametrize("what", STRANGE)
def test_strange_text_in_every_field(served: Served, what: str) -> None:
    for operation in served.operations:
        if not operation.takes_body:
            continue
        path = served.path(operation)
        for body in bodies_with(served, operation, STRANGE[what]):
            answer = served.ask(operation.method, path, data=json.dumps(body), headers=JSON)
            assert operation.complaint(answer, operation.statuses) is None


def test_values_of_other_types_in_every_field(served: Served) -> None:
    for operation in served.operations:
        if not operation.takes_body:
            continue
        path = served.path(operation)
        for junk in JUNK:
            for body in bodies_with(served, operation, junk):
                answer = served.ask(operation.method, path, data=json.dumps(body), headers=JSON)
                assert operation.complaint(answer, operation.statuses) is None


def test_integers_are_taken_for_strings_where_the_document_says_so(served: Served) -> None:
    tried = 0
    for operation in served.operations:
        for name in operation.integers(served.document) if operation.takes_body else ():
            body = {**served.body(operation), name: 447700900123}
            answer = served.ask(operation.method, served.path(operation), json=body)
            errors = answer.json().get("errors", []) if answer.status_code == 422 else []
            assert not [error for error in errors if error["field"] == name and "string" in error["message"]]
            tried += 1
    assert tried > 10


@pytest.mark.parametrize("what", STRANGE)
def test_strange_text_in_every_parameter_of_a_query(served: Served, what: str) -> None:
    for operation in served.operations:
        if operation.method != "get" or operation.streams:
            continue
        path = served.path(operation)
        for name in (*operation.query, "nosuch", STRANGE[what][:200]):
            query = f"{octets(name)}={octets(STRANGE[what])}"
            answer = served.raw("GET", f"{path}?{query}")
            assert operation.complaint(answer, operation.statuses) is None


@pytest.mark.parametrize("query", ["&", "=", "?", "a", "%", "%zz=%zz", "&&&=&", ";", "limit=1&limit=2", "x" * 9000])
def test_junk_for_a_query(served: Served, query: str) -> None:
    for operation in served.operations:
        if operation.method == "get" and not operation.streams:
            answer = served.raw("GET", f"{served.path(operation)}?{query}")
            assert operation.complaint(answer, operation.statuses) is None


def test_junk_in_paths(served: Served) -> None:
    """Refused in the API's own words, with a status that the document names or that there is no such path or method."""
    for operation in served.operations:
        for segment in SEGMENTS:
            if operation.parameters:
                path = operation.path.replace(f"{{{operation.parameters[0]}}}", segment)
                answer = served.raw(operation.method.upper(), path, json.dumps(served.body(operation) or {}))
                assert operation.complaint(answer, operation.statuses | {404, 405}) is None
                assert answer.status_code < 400 or answer.json()["status"] == answer.status_code
    for path in ("//", "/v1//messages", "/v1/messages/", "/v1/./messages", "/v1", "/v1/%00", "/..", "/;"):
        answer = served.raw("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc3\xbc", b"x" * 256, b"", b"\t", b"a b", b"'\"\\"])
def test_strange_headers(served: Served, value: bytes) -> None:
    for operation in served.operations:
        if "Idempotency-Key" in operation.headers:
            body = json.dumps(served.body(operation))
            path = served.path(operation)
            answer = served.raw(operation.method.upper(), path, body, {"Idempotency-Key": value})
            assert operation.complaint(answer, operation.statuses) is None
        answer = served.raw(operation.method.upper(), operation.path, "{}", {"Authorization": b"Bearer " + value})
        assert operation.complaint(answer, operation.statuses if operation.public else {401}) is None


JSON = {"Content-Type": "application/json"}


def bodies_with(served: Served, operation: Operation, value: Any) -> Iterator[Any]:
    """The document's example with a value in each of its fields, alone, in a list and in a nested object; as a name."""
    whole = served.body(operation)
    for name, nested in operation.fields(served.document).items():
        yield {**whole, name: value}
        yield {**whole, name: [value]}
        yield from ({**whole, name: {inner: value}} for inner in nested)
    if isinstance(value, str):
        yield {**whole, value: value}


def octets(text: str) -> str:
    """Percent-encoded, lone surrogates as the three octets that they would be."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
