"""Bytes of a page to a safe lxml tree: encoding, size and depth limits, small tree helpers.

Nothing here reaches for the network: the HTML parser knows no external entities or DTDs.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise

from lxml import etree, html

from recommender.errors import InputError

__all__ = [
    "MAX_PAGE_BYTES",
    "PHRASES",
    "attribute_words",
    "decode_page",
    "drop",
    "parse_page",
    "same_words",
    "squeeze",
    "text_of",
]

MAX_PAGE_BYTES = 10_000_000
MAX_DEPTH = 200
# The largest of 266 saved news pages has 3,129; extraction slows down with the square.
MAX_ELEMENTS = 30_000

PHRASES = frozenset("a span em i b strong mark u abbr s sub sup small font q cite wbr".split())  # noqa: SIM905

_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.I
)
_XML_CHARSET = re.compile(rb"^\s*<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{2,40})")
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
# What HTML has no place for: NUL ends libxml2's input early, a lone surrogate has no UTF-8.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff￾￿]")
# A hundred opening tags in a row hold nothing in between: one says as much.
_RUN_OF_TAGS = re.compile(r"(?:<[a-zA-Z][^<>]{0,200}>\s*){100,}(?=<)")
_SPACE = re.compile(r"\s+")
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
_WORD = re.compile(r"\w+")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Seven-bit codings: such a page is valid ASCII, so only its own word tells.
_SEVEN_BIT = ("iso2022", "hz", "utf_7", "utf7")


def squeeze(text: str) -> str:
    """Return ``text`` on one line, without soft hyphens and zero-width marks."""
    return _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip()


def decode_page(page: bytes | str) -> str:
    """Return the page as text; bad bytes become U+FFFD, never an error.

    A byte order mark wins. Then UTF-8 if the bytes are valid UTF-8 (a page saved by a browser is
    UTF-8 whatever its old ``<meta charset>`` says), then the declared charset, then a guess
    between the Cyrillic and the Western one-byte codings.

    Raises
    ------
    InputError : the page is larger than ``MAX_PAGE_BYTES``
    """
    if len(page) > MAX_PAGE_BYTES:
        raise InputError(
            f"the page has {len(page):,} bytes; at most {MAX_PAGE_BYTES:,} are read. "
            "Is this one saved article page?"
        )
    text = page if isinstance(page, str) else _decode(page)
    return _FORBIDDEN.sub("\ufffd", _XML_DECLARATION.sub("", text.replace("\x00", ""), count=1))


def _decode(raw: bytes) -> str:
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return raw[len(mark) if name == "utf-8" else 0 :].decode(name, "replace")
    declared = _declared(raw)
    if declared and declared.startswith(_SEVEN_BIT):
        return raw.decode(declared, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if declared and declared != "utf-8":
        return raw.decode(declared, "replace")
    return raw.decode(_guess(raw), "replace")


def _declared(raw: bytes) -> str | None:
    """Return the codec name the page declares, if Python knows it as a text coding."""
    found = _XML_CHARSET.search(raw[:1024]) or _META_CHARSET.search(raw[:8192])
    if not found:
        return None
    try:
        info = codecs.lookup(found[1].decode("ascii"))
    except LookupError:
        return None
    # A page in UTF-16 could not have been searched for ASCII: the word is wrong.
    if not getattr(info, "_is_text_encoding", True) or info.name.startswith(("utf-16", "utf-32")):
        return None
    return "cp1252" if info.name in ("iso8859-1", "ascii") else info.name


def _guess(raw: bytes) -> str:
    """Guess between broken UTF-8, Windows-1251, KOI8 and Windows-1252."""
    high = [b for b in raw if b >= 0x80]
    lead = sum(1 for a, b in pairwise(raw) if a in _UTF8_LEAD and 0x80 <= b < 0xC0)
    if lead * 3 > len(high):  # most high bytes stand in lead-continuation pairs
        return "utf-8"
    low_row = sum(1 for b in high if 0xC0 <= b <= 0xDF)  # lower case in KOI8
    high_row = sum(1 for b in high if b >= 0xE0)  # lower case in Windows-1251
    letters = sum(1 for b in raw if 0x41 <= (b & 0xDF) <= 0x5A)
    if (low_row + high_row) * 4 < letters:  # a few accented letters in Latin text
        return "cp1252"
    return "koi8-u" if low_row > high_row else "cp1251"


_UTF8_LEAD = frozenset(range(0xC3, 0xF5))


def parse_page(text: str) -> html.HtmlElement | None:
    """Return the root element, or None when there is no element at all.

    Raises
    ------
    InputError : the page has more than ``MAX_ELEMENTS`` elements
    """
    root, cut = _parse(text)
    if cut:  # the parser stops at a depth of 2048 and drops all that follows
        root, _ = _parse(_RUN_OF_TAGS.sub("<div>", text))
    if root is not None:
        _check_size(root)
        _flatten(root)
    return root


def _check_size(root: html.HtmlElement) -> None:
    n_elements = sum(1 for _ in root.iter())
    if n_elements > MAX_ELEMENTS:
        raise InputError(
            f"the page has {n_elements:,} elements; at most {MAX_ELEMENTS:,} are read. "
            "Is this one saved article page?"
        )


def _parse(text: str) -> tuple[html.HtmlElement | None, bool]:
    """Parse; also say whether the parser gave up because of depth."""
    parser = html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None, False
    cut = any("depth" in entry.message for entry in parser.error_log)
    return root, cut


def _too_deep(root: html.HtmlElement) -> Iterator[html.HtmlElement]:
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if event == "start" and depth == MAX_DEPTH:
            yield element


def _flatten(root: html.HtmlElement) -> None:
    """Replace what stands deeper than ``MAX_DEPTH`` by its text: later steps may recurse."""
    for element in list(_too_deep(root)):
        words = "".join(element.itertext())
        for child in list(element):
            element.remove(child)
        element.text = words


def text_of(element: html.HtmlElement) -> str:
    """Return the element's text on one line; words of neighbouring blocks do not run together."""
    if len(element) == 0:
        return squeeze(element.text or "")
    if all(child.tag in PHRASES for child in element):
        return squeeze("".join(element.itertext()))
    pieces = [element.text or ""]
    for child in element.iterdescendants():
        gap = "" if child.tag in PHRASES else " "
        pieces += [gap, child.text or "" if isinstance(child.tag, str) else ""]
        if gap and len(child) == 0:
            pieces.append(gap)
        pieces.append(child.tail or "")
    return squeeze("".join(pieces))


def attribute_words(element: html.HtmlElement) -> str:
    """Return class, id and data-component names in lower case, with a space at both ends."""
    names = (element.get("class"), element.get("id"), element.get("data-component"))
    return f" {' '.join(n for n in names if n)} ".lower()


def drop(element: html.HtmlElement) -> None:
    """Remove the element and what it holds; the text after it stays."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + " " + element.tail
        else:
            parent.text = (parent.text or "") + " " + element.tail
    parent.remove(element)


def same_words(text: str, *others: str | None) -> bool:
    """Say whether the text has, word for word, the same words as one of the others."""
    words = _WORD.findall(text.casefold())
    return bool(words) and any(o and words == _WORD.findall(o.casefold()) for o in others)
