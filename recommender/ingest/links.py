"""Links in running text: Markdown, HTML anchors, bare URLs in brackets; found and taken out."""

from __future__ import annotations

import re

__all__ = ["has_markup", "holds_link", "plain_text", "split_links"]

_MARKUP = re.compile(
    r"!?\[(?P<words>[^\[\]\n]*)\]\(\s*<?(?P<url>[^\s()<>]+(?:\([^\s()<>]*\)[^\s()<>]*)?)>?"
    r"(?:\s+[\"'][^\"'\n]*[\"'])?\s*\)"
    r"|<a\b[^>\n]*?\bhref\s*=\s*[\"']?(?P<href>[^\"'\s>]+)[^>\n]*>(?P<label>.*?)</a\s*>",
    re.IGNORECASE,
)
_BARE = re.compile(r"\s?(?:\(\s*(https?://[^\s()]+)\s*\)|\[\s*(https?://[^\s\[\]]+)\s*\])")
_URL = re.compile(r"https?://[^\s()\[\]<>\"'«»“”]+")


def has_markup(text: str) -> bool:
    """Say whether ``text`` may hold a link in Markdown or HTML; cheap, and never wrongly no."""
    return "](" in text or "</" in text


def holds_link(text: str) -> bool:
    """Say whether ``text`` holds a link with words, or a bare URL in brackets."""
    if has_markup(text) and _MARKUP.search(text):
        return True
    return "http" in text and _BARE.search(text) is not None


def plain_text(text: str) -> str:
    """Return ``text`` with every Markdown or HTML link replaced by its words.

    Examples
    --------
    >>> plain_text("The [ring road](https://a.example/1) is open.")
    'The ring road is open.'
    """
    while has_markup(text):
        shorter = _MARKUP.sub(_words, text)
        if shorter == text:
            break
        text = shorter
    return text


def split_links(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the words of ``text`` and where its links lead, in their order, each once.

    A bare URL in brackets is a link without words and leaves the text; any other URL stays in it.

    Examples
    --------
    >>> split_links("Trucks were [barred](https://a.example/1) (https://a.example/2).")
    ('Trucks were barred.', ('https://a.example/1', 'https://a.example/2'))
    """
    found = [(m.start(), m["url"] or m["href"]) for m in _MARKUP.finditer(text)]
    taken = [(m.start(), m.end()) for m in _MARKUP.finditer(text)]
    found += [
        (m.start(), m[0].rstrip(".,;:!?…"))
        for m in _URL.finditer(text)
        if not any(start <= m.start() < end for start, end in taken)
    ]
    words = _BARE.sub("", plain_text(text))
    return words.strip(), tuple(dict.fromkeys(url for _, url in sorted(found)))


def _words(match: re.Match[str]) -> str:
    return match["words"] if match["url"] else match["label"]
