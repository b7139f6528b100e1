"""The JSON-LD of a page: parsed with tolerance, and the one node that describes the article."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["Node", "article_node", "as_list", "nodes", "string", "types"]

Node = dict[str, Any]

ARTICLE_TYPES = frozenset(
    """
    Article NewsArticle ReportageNewsArticle AnalysisNewsArticle AskPublicNewsArticle
    BackgroundNewsArticle OpinionNewsArticle ReviewNewsArticle AdvertiserContentArticle
    SatiricalArticle BlogPosting LiveBlogPosting SocialMediaPosting Report TechArticle
    ScholarlyArticle MedicalScholarlyArticle
    """.split()  # noqa: SIM905 - a list of 17 strings is no clearer
)
MAX_NODES = 5_000

_WRAPPING = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[|/\*.{0,40}?\*/)|(?:-->|(?://\s*)?\]\]>|;)\s*$"
)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_BAD_ESCAPE = re.compile(r'\\(?!["\\/bfnrtu])')
_SURROGATE = re.compile("[\x00-\x08\ud800-\udfff]")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>")
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h[1-6])\b[^<>]{0,100}>", re.I)


def nodes(scripts: Sequence[str]) -> list[Node]:
    """Return every top-level node: of lists, of ``@graph``, and what a page has as main entity.

    Nodes nested elsewhere (cards in an ``ItemList``, say) are other articles and stay out.
    """
    found: list[Node] = []
    todo = [_load(text) for text in reversed(scripts)]
    while todo and len(found) < MAX_NODES:
        value = todo.pop()
        if isinstance(value, list):
            todo.extend(reversed(value))
        elif isinstance(value, dict):
            found.append(value)
            todo.extend(
                v for k in ("mainEntity", "@graph") if isinstance(v := value.get(k), list | dict)
            )
    return found


def _load(text: str) -> Any:
    """Parse one script; None when even mending does not help."""
    for attempt in _mended(text):
        try:
            return json.loads(attempt, strict=False)  # strict=False: raw line breaks in strings
        except (ValueError, RecursionError):
            continue
    return _first_value(text)


def _mended(text: str) -> Iterator[str]:
    """Yield the text as it is, then with more and more mended."""
    yield text
    bare = _WRAPPING.sub("", _WRAPPING.sub("", text)).strip()
    yield bare
    bare = _TRAILING_COMMA.sub(r"\1", _COMMENT.sub("", bare))
    yield bare
    yield _BAD_ESCAPE.sub(r"\\\\", bare)
    yield html.unescape(bare)


def _first_value(text: str) -> Any:
    """Return the first JSON value of a text that has more after it."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None


def types(node: Node) -> list[str]:
    """Return the node's types without their vocabulary's address."""
    names = (str(t) for t in as_list(node.get("@type")))
    return [re.split(r"[/#:]", name)[-1] for name in names]


def article_node(found: Sequence[Node], *, title: str | None) -> Node:
    """Return the node of the page's own article, {} if there is none.

    The node whose headline is the page's title comes before one with any headline; the first wins.
    """
    articles = [n for n in found if ARTICLE_TYPES.intersection(types(n))]
    same = [n for n in articles if title and (head := string(n.get("headline"))) and head in title]
    headed = [n for n in articles if string(n.get("headline")) or string(n.get("articleBody"))]
    return next(iter(same + headed + articles), {})


def as_list(value: Any) -> list[Any]:
    """Return a list: of the value, of its elements, or of nothing for None."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def string(value: Any, *, paragraphs: bool = False) -> str | None:
    """Return a JSON value as text without markup or entities; None for anything but a text.

    Of a list the first text counts, of a language map (``{"@value": ...}``) its value.
    """
    if isinstance(value, list):
        return next((s for v in value if (s := string(v, paragraphs=paragraphs))), None)
    if isinstance(value, dict):
        return string(value.get("@value"), paragraphs=paragraphs)
    if not isinstance(value, str):
        return None
    text = html.unescape(html.unescape(value)) if "&" in value else value
    text = _SURROGATE.sub("\ufffd", _TAG.sub("", _BREAK.sub("\n", text)))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    joined = ("\n" if paragraphs else " ").join(line for line in lines if line)
    return joined or None
