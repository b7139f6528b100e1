"""The contract as a page for people: no script, nothing loaded from anywhere, works offline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

__all__ = ["HEADERS", "manual"]

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 14px/1.5 ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
  border-bottom: 1px solid #8884; overflow-wrap: break-word; }
h2 { border-top: 2px solid #8888; margin-top: 2.5rem; padding-top: 1rem; }
h2 code { font-size: 18px; font-weight: 600; }
h3 { margin: 2rem 0 .5rem; }
summary { cursor: pointer; }
"""
_SCHEMAS: Final = "#/components/schemas/"


def manual(contract: Mapping[str, Any]) -> str:
    """Return the page of a contract, as OpenAPI has it."""
    info, schemas = contract["info"], contract["components"]["schemas"]
    title = f"{info['title']} {info['version']}"
    asked = [
        (path, method, one)
        for path, methods in contract["paths"].items()
        for method, one in methods.items()
    ]
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n",
        f"<h1>{escape(title)}</h1>\n<p>{_said(info['description'])}</p>\n",
        '<p>The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>\n',
        _contents(asked),
        *(_operation(*one) for one in asked),
        "<h2>What is sent and answered</h2>\n",
        *(_schema(name, schema) for name, schema in sorted(schemas.items())),
        "</body>\n</html>\n",
    ]
    return "".join(parts)


def _said(text: str) -> str:
    """Return a text with what stands between backquotes as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))


def _contents(asked: list[tuple[str, str, Mapping[str, Any]]]) -> str:
    rows = "".join(
        f'<tr><td><a href="#{_anchor(path, method)}"><code>{method.upper()} {escape(path)}</code>'
        f"</a></td><td>{_scope(one)}</td><td>{_said(one.get('description') or one['summary'])}"
        "</td></tr>\n"
        for path, method, one in asked
    )
    return f"<table>\n<tr><th>Address</th><th>Key</th><th></th></tr>\n{rows}</table>\n"


def _anchor(path: str, method: str) -> str:
    return escape(f"{method}{path}")


def _scope(one: Mapping[str, Any]) -> str:
    scopes = [scope for need in one.get("security", ()) for scope in need["key"]]
    return escape(", ".join(scopes)) or "none"


def _operation(path: str, method: str, one: Mapping[str, Any]) -> str:
    parts = [
        f'<h2 id="{_anchor(path, method)}"><code>{method.upper()} {escape(path)}</code></h2>\n'
    ]
    parts.append(f"<p>{_said(one.get('description') or one['summary'])}</p>\n")
    body = one.get("requestBody", {}).get("content", {})
    parts += [f"<p>Body: {_type(content['schema'])}.</p>\n" for content in body.values()]
    if one.get("parameters"):
        parts.append(_table("Parameter", map(_parameter, one["parameters"])))
    parts.append(_table("Status", (_answer(*answer) for answer in one["responses"].items())))
    return "".join(parts)


def _parameter(told: Mapping[str, Any]) -> tuple[str, str, str]:
    name = told["name"] + (" (in the path)" if told["in"] == "path" else "")
    return name, _type(told["schema"]), told.get("description", "")


def _answer(status: str, told: Mapping[str, Any]) -> tuple[str, str, str]:
    shapes = {_type(content.get("schema", {})) for content in told.get("content", {}).values()}
    return status, " or ".join(sorted(shapes)), told.get("description", "")


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = (
        (field + (" *" if field in needed else ""), _type(of), of.get("description", ""))
        for field, of in schema.get("properties", {}).items()
    )
    said = schema.get("description", "").strip()
    return (
        f'<h3 id="{escape(name)}"><code>{escape(name)}</code></h3>\n<p>{_said(said)}</p>\n'
        f"<details><summary>Fields (* = always there)</summary>\n{_table('Field', rows)}"
        "</details>\n"
    )


def _table(first: str, rows: Iterator[tuple[str, str, str]]) -> str:
    """Return rows of a name, a type (HTML) and what is said of it."""
    lines = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{kind}</td><td>{_said(said)}</td></tr>\n"
        for name, kind, said in rows
    )
    return f"<table>\n<tr><th>{first}</th><th>Type</th><th></th></tr>\n{lines}</table>\n"


def _type(schema: Mapping[str, Any]) -> str:
    """Return what a value is, as HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(_SCHEMAS))
        return f'<a href="#{name}"><code>{name}</code></a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema:
        return " ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}{_bounds(schema)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return escape(str(kind)) + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    """Return the limits of a value."""
    names = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default")
    told = [f"{name} {schema[name]}" for name in names if schema.get(name) is not None]
    return escape(f" ({', '.join(told)})") if told else ""
