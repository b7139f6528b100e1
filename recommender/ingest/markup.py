"""HTML inside a text field of a CMS export, to plain paragraphs. Whole pages are html.py's work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

__all__ = ["has_markup", "markup_to_line", "markup_to_text"]

_BLOCKS = frozenset(
    """
    address article aside blockquote center dd div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section table tbody tfoot thead tr ul
    """.split()  # noqa: SIM905 - a list of 60 strings is no clearer
)
_INLINE = frozenset(
    """
    a abbr acronym audio b bdi bdo big br button cite code del dfn em embed font i iframe
    img input ins kbd label li mark noscript object param picture q s samp script small
    source span strike strong style sub sup svg td textarea th time tt u var video wbr body
    head html template
    """.split()  # noqa: SIM905 - a list of 60 strings is no clearer
)
_KNOWN = _BLOCKS | _INLINE
_DROPPED = frozenset(
    {"script", "style", "iframe", "svg", "template", "textarea", "object", "button"}
)
_DROPPED_END = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _DROPPED}

# A closing tag of a known name, or one that needs none, proves that this is markup and not a "<"
# in a text.
_PROOF = re.compile(
    rf"</(?:{'|'.join(sorted(_KNOWN))})\s*>|<(?:br|p|img|hr)(?:\s[^<>]*+)?/?>|<!--", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
# Possessive, so that a "<" without its ">" costs one pass and no more.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+)((?:\s[^<>]*+)?)/?>")
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_BREAKS = re.compile(r"\n[ \t\xa0]*\n\s*")
_SPACES = re.compile(r"[ \t]+")
_IN_URL = {ord(" "): "%20", ord("("): "%28", ord(")"): "%29", ord("\n"): None, ord("\t"): None}


def has_markup(text: str) -> bool:
    """Whether ``text`` really holds tags or entities, as against a stray "<" or "&"."""
    if "<" in text and _PROOF.search(text):
        return True
    return "&" in text and _ENTITY.search(text) is not None


def markup_to_text(text: str) -> str:
    r"""Return the text of an HTML fragment: paragraphs apart by an empty line, list items as "- ".

    Links stay as ``[text](url)``. Scripts, styles and comments go. Tags of unknown names stay as
    they stand.
    A fragment without block tags keeps its own line ends (WordPress stores paragraphs so).

    Examples
    --------
    >>> markup_to_text('<p>Read <a href="/a">this</a> &amp; that.</p><p>Second.</p>')
    'Read [this](/a) & that.\n\nSecond.'
    """
    if "<" not in text or not _PROOF.search(text):
        return unescape(text)
    pieces = list(_pieces(_without_comments(text)))
    joined = unescape("".join(pieces)).replace("\xa0", " ")
    lines = (_SPACES.sub(" ", line).strip() for line in _BREAKS.sub("\n\n", joined).split("\n"))
    return _BREAKS.sub("\n\n", "\n".join(lines)).strip()


def markup_to_line(text: str) -> str:
    """Return the text of a fragment as one line without links: for titles, tags and names."""
    if "<" in text and _PROOF.search(text):
        return " ".join(unescape(_TAG.sub(_space_for_block, _without_comments(text))).split())
    return unescape(text)


def _space_for_block(match: re.Match[str]) -> str:
    name = match[2].lower()
    if name not in _KNOWN:
        return match[0]
    return " " if name in _BLOCKS or name in ("br", "li") else ""


def _without_comments(text: str) -> str:
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        kept.append(text[at:start])
        if end < 0:
            return "".join(kept)
        at = end + 3
    kept.append(text[at:])
    return "".join(kept)


def _pieces(text: str) -> Iterator[str]:
    """Yield the text between tags and what stands for each tag."""
    folds = any(m[2].lower() in _BLOCKS for m in _TAG.finditer(text))
    link: list[str] = []  # the address of the open link, and behind it the pieces of its text
    unclosed: set[str] = (
        set()
    )  # dropped elements already known to have no end: not looked for again
    at = 0
    for match in _TAG.finditer(text):
        name = match[2].lower()
        if match.start() < at or name not in _KNOWN:
            continue
        between = _folded(text[at : match.start()], folds)
        at = _end_of_dropped(text, match, name, unclosed)
        if name == "a":
            yield from _close_link(link, between)
            link[:] = [] if match[1] else [_address(match[3])]
            continue
        piece = between + _stand_in(name, closing=bool(match[1]))
        if link:
            link.append(piece)
        else:
            yield piece
    yield from _close_link(link, _folded(text[at:], folds))


def _close_link(link: list[str], last: str) -> Iterator[str]:
    words = "".join(link[1:]) + last
    url = link[0] if link else ""
    if not url or not words.strip():
        yield words
        return
    label = " ".join(words.split())
    yield f"{words[: len(words) - len(words.lstrip())]}[{label}]({url})"
    yield words[len(words.rstrip()) :]


def _address(attributes: str) -> str:
    match = _HREF.search(attributes)
    url = unescape(match[1] or match[2] or match[3] or "").strip() if match else ""
    leads_nowhere = url.startswith("#") or url[:11].lower().startswith(("javascript:", "data:"))
    # The text around is unescaped afterwards, so an "&" of the address has to survive that.
    return "" if leads_nowhere else url.translate(_IN_URL).replace("&", "&amp;")


def _end_of_dropped(text: str, match: re.Match[str], name: str, unclosed: set[str]) -> int:
    """Return where the text goes on: behind a script's closing tag, behind any other tag itself."""
    if name not in _DROPPED or name in unclosed or match[1] or match[0].endswith("/>"):
        return match.end()
    closing = _DROPPED_END[name].search(text, match.end())
    if closing is None:
        unclosed.add(name)
        return match.end()
    return closing.end()


def _stand_in(name: str, *, closing: bool) -> str:
    if name == "li":
        return "" if closing else "\n\n- "
    if name in _BLOCKS:
        return "\n\n"
    if name == "br":
        return "\n"
    return " " if name in ("td", "th") else ""


def _folded(text: str, folds: bool) -> str:
    """Make a single line end a space where tags make the paragraphs; keep empty lines."""
    if not folds or "\n" not in text:
        return text
    return "\n\n".join(part.replace("\n", " ") for part in _BREAKS.split(text))
