"""HTML that cannot be broken into: all text is escaped unless it was made here."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["Html", "join", "link", "page", "style", "tag"]

# Codes that reorder or hide what stands beside them, and what HTML knows no character for.
_RISKY = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_VOID = frozenset({"br", "hr", "meta", "input"})


class Html(str):
    """Text that is HTML already: it was made by ``tag``."""

    __slots__ = ()


def escape(value: Any) -> str:
    """Return a value as HTML text, whatever is in it."""
    return value if isinstance(value, Html) else html.escape(_RISKY.sub("\ufffd", str(value)))


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """Return an element.

    Parameters
    ----------
    children : texts, which are escaped; elements; lists of these; None = nothing
    attributes : ``class_`` is class, ``data_id`` is data-id; None = not there
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(_RISKY.sub("", str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{said}>")
    return Html(f"<{name}{said}>{join(children)}</{name}>")


def join(children: Iterable[Any]) -> Html:
    """Return several children as one."""
    return Html(
        "".join(
            join(child) if isinstance(child, list | tuple) else escape(child)
            for child in children
            if child is not None
        )
    )


def style(css: str) -> Html:
    """Return a style sheet of our own."""
    return Html(f"<style>{css}</style>")


def link(address: str | None, text: str) -> Html:
    """Return a link to a web address; any other address is no link."""
    if address and re.match(r"https?://", address, re.IGNORECASE):
        return tag("a", text, href=address, rel="noopener noreferrer")
    return tag("span", text)


def page(title: str, head: Iterable[Any], body: Iterable[Any], *, script: str = "") -> str:
    """Return a whole page that asks nothing of the network.

    Its policy, in the page itself, forbids every request, and every script but ``script``.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    if script:
        policy += f"; script-src 'sha256-{_digest(script)}'"
    top = (
        tag("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        *head,
    )
    code = Html(f"<script>{script}</script>") if script else None
    return "<!doctype html>\n" + tag(
        "html", tag("head", *top), "\n", tag("body", *body, code), lang="en"
    )


def _digest(script: str) -> str:
    import base64
    import hashlib

    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
