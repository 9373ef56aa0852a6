"""What an OpenAPI document says of each operation, and requests as it shows them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch")
PROBLEM = "application/problem+json"
STREAMS = {"text/event-stream", "application/jsonl"}
SLOW = ("/ussd", "/restart")
"""Ends of paths where a modem or the network takes seconds."""
Json = dict[str, Any]


class Answer:
    """An answer, as far as tests look at it."""

    def __init__(self, status_code: int, headers: Mapping[str, str], text: str) -> None:
        self.status_code, self.headers, self.text = status_code, headers, text

    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.text)


class Operation:
    """One method of one path of the document."""

    def __init__(self, document: Json, path: str, method: str) -> None:
        self.path, self.method, self.described = path, method, document["paths"][path][method]
        self.label = f"{method.upper()} {path}"
        self.parameters = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        self.statuses = frozenset(int(status) for status in self.described["responses"])
        self.successes = frozenset(status for status in self.statuses if status < 300)
        self.public = {} in self.described.get("security", [])
        self.scopes = frozenset(re.findall("`([a-z]+:?[a-z]*)`", self.described.get("description", "").split(".")[0]))
        kinds = [
            kind
            for status in self.successes
            for kind in self.described["responses"][str(status)].get("content", {"": {}})
        ]
        self.streams = not STREAMS.isdisjoint(kinds)
        self.takes_body = "requestBody" in self.described
        parameters = self.described.get("parameters", [])
        self.query = [one["name"] for one in parameters if one["in"] == "query"]
        self.headers = [one["name"] for one in parameters if one["in"] == "header"]

    def fields(self, document: Json) -> dict[str, list[str]]:
        """The fields of the body, each with those of the object that it may be."""
        schema = self.described["requestBody"]["content"]["application/json"]["schema"]
        properties = _properties(document, schema)
        return {name: list(_properties(document, one)) for name, one in properties.items()}

    def integers(self, document: Json) -> list[str]:
        """The fields of the body that take an integer for a string."""
        schema = self.described["requestBody"]["content"]["application/json"]["schema"]
        return [
            name
            for name, field in _properties(document, schema).items()
            for one in (field, *field.get("anyOf", ()), *field.get("oneOf", ()))
            if one.get("type") == ["string", "integer"]
        ]

    def complaint(self, answer: Answer, allowed: Collection[int]) -> str | None:
        """What is wrong with the status or the content type of an answer; None: nothing."""
        said = f"{self.label}: {answer.status_code} {answer.text[:300] if answer.status_code >= 300 else ''}"
        if answer.status_code not in allowed:
            return said
        described = self.described["responses"].get(str(answer.status_code), {"content": {PROBLEM: {}}})
        kinds = described.get("content", {})
        if kinds and answer.headers["Content-Type"].partition(";")[0] not in kinds:
            return f"{said} as {answer.headers['Content-Type']}"
        return None


def example(document: Json, schema: Json) -> Any:
    """A value that a schema allows: its own example where it has one, else the plainest."""
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for key in ("examples", "enum"):
        if key in schema:
            return schema[key][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example(document, schema[key][0])
    kind = schema.get("type", "string")
    return _plainest(document, schema, kind[0] if isinstance(kind, list) else kind)


def _plainest(document: Json, schema: Json, kind: str) -> Any:
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: example(document, properties[name]) for name in schema.get("required", ())}
    if kind == "array":
        return [example(document, schema.get("items", {}))] * schema.get("minItems", 0)
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    return {"date-time": "2026-01-01T00:00:00Z", "uri": "https://example.com/"}.get(schema.get("format", ""), "word")


def _properties(document: Json, schema: Json) -> Json:
    if "$ref" in schema:
        return _properties(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    found: Json = dict(schema.get("properties", {}))
    for key in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(key, ()):
            found.update(_properties(document, one))
    return found
