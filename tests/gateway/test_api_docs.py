"""docs/api.md is true: its calls are made, its answers compared, its tables held against the served API."""

from __future__ import annotations

import json
import re
from pathlib import Path

from gateway.api import problems
from tests.gateway.world import EVERYTHING, World

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```json ([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def shape(value: object) -> object:
    """The keys of a document, and its values where they are neither times nor ids."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}-[0-9a-f-]{27}", value):
        return "an id"
    return value


def test_the_examples_do_what_the_page_says(world: World) -> None:
    known: dict[str, str] = {}
    answer = None
    for head, body in BLOCKS:
        if head.isdigit():
            assert answer is not None
            assert answer.status_code == int(head)
            assert shape(answer.get_json()) == shape(json.loads(body))
            continue
        method, path = head.split(" ")
        for name, value in known.items():
            path = path.replace(f"{{{name}}}", value)
        scopes = ("admin",) if path.startswith("/v1/keys") else EVERYTHING
        answer = world.ask(method, path, json.loads(body) if body.strip() else None, scopes=scopes)
        assert answer.status_code in (200, 201, 202, 422), f"{head}: {answer.text}"
        found = answer.get_json()
        if answer.status_code == 201:
            known.setdefault("key_id", found["id"])
        if answer.status_code == 202 and "message_id" in found:
            known.setdefault("otp_id", found["id"])
        elif answer.status_code == 202 and "id" in found:
            known.setdefault("message_id", found["id"])
    assert {"otp_id", "message_id", "key_id"} <= set(known)
    assert len(BLOCKS) >= 18


def test_the_french_text_on_the_page_is_the_one_that_is_sent(world: World) -> None:
    body = next(json.loads(body) for head, body in BLOCKS if head == "POST /v1/otp" and "transaction" in body)
    message_id = world.post("/v1/otp", body).get_json()["message_id"]
    quoted = " ".join(line.removeprefix("> ") for line in PAGE.splitlines() if line.startswith("> "))
    assert quoted == world.sent_text(message_id).replace(world.code(message_id), "012345")


def test_the_table_lists_every_call_with_its_scopes(world: World) -> None:
    listed = {
        (method, path): scopes
        for method, path, scopes in re.findall(r"^\| \[`(\w+) (/\S+)`\]\(#[\w-]+\) \| ([^|]+) \|", PAGE, re.MULTILINE)
    }
    described = {
        (method.upper(), path): call
        for path, methods in world.document["paths"].items()
        for method, call in methods.items()
    }
    assert set(listed) == set(described)
    for operation in world.operations:
        shown = listed[operation.method, operation.path]
        assert set(re.findall(r"`([\w:]+)`", shown)) <= set(operation.scopes)
        assert f"`{operation.scopes[0]}`" in shown


def test_every_link_of_the_table_leads_to_a_heading() -> None:
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ")).strip().lower().replace(" ", "-")
                for line in PAGE.splitlines() if line.startswith("#")}  # fmt: skip
    assert set(re.findall(r"\(#([\w-]+)\)", PAGE)) <= headings


def test_the_error_table_lists_the_codes_of_the_sources() -> None:
    listed = set(re.findall(r"`(\w+)`", PAGE.split("## Errors")[1]))
    folder = Path(problems.__file__).parents[1]
    files = [path for path in folder.rglob("*.py") if not {"store", "cli"} & {*path.relative_to(folder).parts}]
    raised = re.compile(
        r'(?:roblem\(\d+,|Denial\(|_Rule\(|Block\.\w+: \()\s*"(\w+)"'
        r'|(?:TooMany|Conflict|Unavailable|Forbidden)\([^)]*"(\w+)",?\s*\)'
    )
    made = {"".join(found) for file in files for found in raised.findall(file.read_text(encoding="utf-8"))}
    assert len(made) > 10, made
    assert made - {"internal_error"} <= listed
