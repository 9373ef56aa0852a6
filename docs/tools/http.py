"""The reference of the HTTP API, from the document that a gateway serves at /openapi.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docs.tools.markdown import code, page, table

Json = dict[str, Any]

_INTRODUCTION = """\
Every operation and every shape, as a running gateway describes them at `/openapi.json` and, for people, at `/docs`.
[The HTTP API](../api.md) explains them with examples; [error codes](errors.md) lists what a refusal may say.

Send your key as `Authorization: Bearer KEY`. A query parameter or a field that does not exist is refused (422)."""


def render(document: Json) -> str:
    """The page."""
    calls: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            calls.setdefault(call["tags"][0], []).append(_call(path, method, call))
    shapes = sorted(document["components"]["schemas"].items())
    parts = [part for tag, found in calls.items() for part in (f"## {tag}", *found)]
    return page("HTTP operations", _INTRODUCTION, *parts, "## Shapes", *(_shape(*one) for one in shapes))


def _call(path: str, method: str, call: Json) -> str:
    rows = [
        (code(one["name"]), one["in"], _type(one["schema"]), one.get("description", ""))
        for one in call.get("parameters", [])
    ]
    if body := call.get("requestBody"):
        schema = body["content"]["application/json"]["schema"]
        rows.append(("body", "JSON", _type(schema), "" if body["required"] else "may be left out"))
    answers = [
        (code(status), _type(_schema(answer)), " ".join((answer["description"] or "").split()))
        for status, answer in call["responses"].items()
    ]
    parts = [
        f"### {method.upper()} {path}",
        f"{call['summary']}. {call['description']}",
        table(("parameter", "where", "type", ""), rows),
        table(("status", "answer", ""), answers),
    ]
    return "\n\n".join(part for part in parts if part)


def _schema(answer: Json) -> Json:
    for content in answer.get("content", {}).values():
        found: Json = content["schema"]
        return found
    return {}


def _shape(name: str, schema: Json) -> str:
    required = schema.get("required", [])
    values = ", ".join(code(one) for one in schema.get("enum", []))
    rows = [
        (code(field), _type(one), "yes" if field in required else "", one.get("description", ""))
        for field, one in schema.get("properties", {}).items()
    ]
    parts = [
        f"### {name}",
        " ".join(f"{schema.get('description', '')} {values}".split()),
        table(("field", "type", "always", ""), rows),
    ]
    return "\n\n".join(part for part in parts if part)


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[key]))
    if "enum" in schema or "const" in schema:
        return ", ".join(code(one) for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type", "")
    return " ".join([" or ".join(kind) if isinstance(kind, list) else kind, *_bounds(schema)]).strip()


def _bounds(schema: Json) -> Iterator[str]:
    for low, high, unit in (("minimum", "maximum", ""), ("minLength", "maxLength", " characters")):
        if low in schema and high in schema:
            yield f"{schema[low]} to {schema[high]}{unit}"
        elif low in schema:
            yield f"from {schema[low]}{unit}"
        elif high in schema:
            yield f"up to {schema[high]}{unit}"
