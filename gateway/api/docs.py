"""/docs: the OpenAPI document as one page that needs nothing from elsewhere."""

from __future__ import annotations

import html
from typing import Any

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
code,pre{font:0.9em/1.4 ui-monospace,monospace}
section{border-top:1px solid #8884;padding:0.5rem 0 1rem}
h3 b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:0.2rem 0.8rem 0.2rem 0;border-bottom:1px solid #8882}
nav{display:flex;flex-wrap:wrap}
nav a{margin-right:1rem}
pre,code{overflow-wrap:anywhere}
"""

_KEY = (
    "<p>Send your key as <code>Authorization: Bearer KEY</code>. "
    'The same as a document for machines: <a href="/openapi.json">/openapi.json</a>.</p>'
)

Json = dict[str, Any]


def page(document: Json) -> str:
    """The whole page."""
    info, schemas = document["info"], document["components"]["schemas"]
    calls = [(path, method, call) for path, methods in document["paths"].items() for method, call in methods.items()]
    tags = dict.fromkeys(call["tags"][0] for _, _, call in calls)
    body = [
        f"<h1>{_text(info['title'])} {_text(info['version'])}</h1><p>{_rich(info['description'])}</p>",
        _KEY,
        "<nav>" + "".join(f'<a href="#{tag}">{tag}</a>' for tag in tags) + '<a href="#shapes">shapes</a></nav>',
    ]
    for tag in tags:
        body.append(f'<h2 id="{tag}">{tag}</h2>')
        body.extend(_call(path, method, call) for path, method, call in calls if call["tags"][0] == tag)
    body.append('<h2 id="shapes">Shapes</h2>')
    body.extend(_shape(name, schema) for name, schema in sorted(schemas.items()))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Simwire API</title><style>{_STYLE}</style><body>{''.join(body)}</body></html>"
    )


def _call(path: str, method: str, call: Json) -> str:
    rows = [
        (parameter["name"], _type(parameter["schema"]), parameter.get("description", "in the path"))
        for parameter in call.get("parameters", [])
    ]
    if "requestBody" in call:
        schema = call["requestBody"]["content"]["application/json"]["schema"]
        rows.append(("body", _type(schema), "JSON" if call["requestBody"]["required"] else "JSON, may be left out"))
    for status, answer in call["responses"].items():
        (content,) = answer.get("content", {"": {"schema": {}}}).values()
        rows.append((status, _type(content["schema"]), answer["description"]))
    return (
        f"<section><h3><b>{method.upper()}</b> <code>{_text(path)}</code></h3>"
        f"<p>{_text(call['summary'])}. {_rich(call['description'])}</p>{_table(rows)}</section>"
    )


def _shape(name: str, schema: Json) -> str:
    required = schema.get("required", [])
    rows = [
        (field, _type(one), ("required. " if field in required else "") + one.get("description", ""))
        for field, one in schema.get("properties", {}).items()
    ]
    values = ", ".join(f"<code>{_text(str(value))}</code>" for value in schema.get("enum", []))
    return (
        f'<section id="{name}"><h3>{_text(name)}</h3><p>{_rich(schema.get("description", ""))} {values}</p>'
        f"{_table(rows)}</section>"
    )


def _table(rows: list[tuple[str, str, str]]) -> str:
    cells = (
        f"<tr><td><code>{_text(name)}</code></td><td>{kind}</td><td>{_rich(words)}</td></tr>"
        for name, kind, words in rows
    )
    return f"<table>{''.join(cells)}</table>" if rows else ""


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{_text(name)}</a>'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(one) for one in schema[key])
    if "enum" in schema or "const" in schema:
        return ", ".join(_text(str(value)) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("type", "")
    return _text(" or ".join(kind) if isinstance(kind, list) else kind)


def _rich(text: str) -> str:
    """Escaped text with `code` marked."""
    pieces = _text(text).split("`")
    return "".join(f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces))


def _text(text: str) -> str:
    return html.escape(text)
