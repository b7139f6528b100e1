"""Split what is not the story off an article's body: back references, promo lines, captions.

Nothing is lost: what leaves the body goes into ``Article.asides`` with its kind, words and links.
The phrases live in ``patterns/*.toml`` (one file a language, reviewed, with examples that the
tests run). A line of an ordinary story costs one set lookup; only lines that begin like a known
phrase are looked at more closely.

Decisions a reader may ask about:

* A sentence that names another paper ("As the Guardian wrote, the minister knew") is story. A
  heading needs its colon and items: marked list items, lines with links, or what is left at the
  end of the text.
* «Нагадаємо, …», «Напомним, …», "We previously reported that …" is background of the story while
  it is prose without a link; with a link it is a back reference.
* A heading without a known phrase counts when it ends in a colon and every item of its list holds
  a link.
* The same short paragraph twice in a row is an image's alternative text and caption, and so is a
  paragraph equal to the image's own caption or alt.
* A heading goes with its first item, so that there is one aside per item and no word is lost.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

from ..article import Article, Aside, AsideKind, Image
from .links import has_markup, holds_link, plain_text, split_links
from .phrases import Phrases, Rule, load_phrases

__all__ = ["clean_article"]

_MAX_ITEMS = 12
_MAX_TAIL_ITEMS = 6
_MAX_ITEM_CHARS = 500
_MAX_CAPTION_CHARS = 300
_MAX_HEADING_CHARS = 100
_MARKER = re.compile(r"\s*(?:[-•*–—·▪●◦‣►▶✔✅→]|\d{1,2}[.)])\s+")
_BLANKS = frozenset(" \t\r\f\v\u00a0")
_QUOTES = "\"'«»„“”‘’"
_ENDS = ".!?…:;,"


@dataclass(slots=True)
class _Line:
    """One line that holds text.

    ``raw`` is as written, ``plain`` without link markup; ``gap`` says whether a blank line
    precedes it, ``hot`` whether any rule could take it.
    """

    raw: str
    plain: str
    gap: bool
    hot: bool = False


@dataclass(frozen=True, slots=True)
class _Split:
    """What a rule decided: lines up to ``stop`` leave the body as these asides."""

    stop: int
    asides: tuple[Aside, ...]


def clean_article(article: Article) -> Article:
    r"""Return ``article`` with all that is not the story split off its body.

    What leaves ``body`` is appended to ``asides`` in its order; the links of back references are
    appended to ``links``, each once. Link markup that remains is replaced by its words; blank
    space around lines' ends and repeated empty lines are tidied; nothing else is altered. Cleaning
    twice changes nothing.

    Parameters
    ----------
    article : Article

    Returns
    -------
    Article
        The same object where there was nothing to clean.

    Examples
    --------
    >>> body = "The bridge is closed.\n\nREAD ALSO: [Ring road opens](https://a.example/1)"
    >>> clean = clean_article(Article("1", body=body))
    >>> clean.body
    'The bridge is closed.'
    >>> [(str(aside.kind), aside.text) for aside in clean.asides]
    [('read-also', 'READ ALSO: Ring road opens')]
    """
    phrases = load_phrases()
    body = article.body
    rows = body.split("\n")
    if _is_clean(body, rows, phrases, article.image):
        return article
    body, asides = _clean_body(rows, phrases, _image_texts(article.image))
    if body == article.body:
        return article
    found = [u for a in asides if a.kind is AsideKind.BACK_REFERENCE for u in a.links]
    links = tuple(dict.fromkeys((*article.links, *found)))
    return replace(article, body=body, asides=(*article.asides, *asides), links=links)


def _is_clean(body: str, rows: list[str], phrases: Phrases, image: Image | None) -> bool:
    """Say, in tens of microseconds, that nothing is to be done; a wrong no only costs time."""
    if has_markup(body) or "\n\n\n" in body or "://" in body or body.strip() != body:
        return False
    texts = [row for row in rows if row]
    if phrases.holds_any(body) or not _BLANKS.isdisjoint([text[-1] for text in texts]):
        return False
    if len(set(texts)) != len(texts) or not _image_texts(image).isdisjoint(texts):
        return False
    return phrases.datelines.match(body) is None and not phrases.any_match(texts)


def _image_texts(image: Image | None) -> frozenset[str]:
    if image is None:
        return frozenset()
    return frozenset(t.strip() for t in (image.caption, image.alt) if t and t.strip())


def _clean_body(
    rows: list[str], phrases: Phrases, captions: frozenset[str]
) -> tuple[str, list[Aside]]:
    """Return the tidy body and what was split off.

    The rules are run until none applies any more, because what one takes away may be what kept
    another from seeing the end of the text; so a second cleaning finds nothing.
    """
    lines = _to_lines(rows)
    _mark_hot(lines, phrases, captions)
    taken: dict[int, tuple[Aside, ...]] = {}
    alive = list(range(len(lines)))
    view = lines
    before: tuple[Aside, ...] = ()
    while view:
        dateline = _split_dateline(view[0], phrases)
        before += dateline
        gone = _sweep(view, phrases, captions)
        if not gone and not dateline:
            break
        taken |= {alive[i]: asides for i, asides in gone.items()}
        view = _without(view, gone)
        alive = [n for i, n in enumerate(alive) if i not in gone]
    return _join(view), [*before, *(aside for n in sorted(taken) for aside in taken[n])]


def _to_lines(rows: list[str]) -> list[_Line]:
    lines = []
    gap = False
    for row in rows:
        raw = row.rstrip()
        if raw:
            lines.append(_Line(raw, plain_text(raw).rstrip() if has_markup(raw) else raw, gap))
        gap = not raw
    return lines


def _mark_hot(lines: list[_Line], phrases: Phrases, captions: frozenset[str]) -> None:
    texts = [line.plain for line in lines]
    doubled = {x for x, y in zip(sorted(texts), sorted(texts)[1:], strict=False) if x == y}
    linked = any(holds_link(line.raw) for line in lines)
    for line in lines:
        text = line.plain
        line.hot = (
            not text
            or (linked and text[-1] == ":")
            or text in doubled
            or text.strip() in captions
            or phrases.any_match((text,))
            or (phrases.holds_any(text) and any(True for _ in phrases.matches(text)))
        )


def _without(view: list[_Line], gone: Container[int]) -> list[_Line]:
    """Return what is left; a gap anywhere since the last line left stays a gap."""
    left = []
    gap = False
    for i, line in enumerate(view):
        gap = gap or line.gap
        if i not in gone:
            left.append(line if line.gap == gap else replace(line, gap=gap))
            gap = False
    return left


def _join(view: list[_Line]) -> str:
    text = "".join(f"{chr(10) * (1 + line.gap)}{line.plain}" for line in view if line.plain)
    return text.strip()


def _split_dateline(line: _Line, phrases: Phrases) -> tuple[Aside, ...]:
    """Cut the dateline off the first line; a line that is nothing but one stays."""
    match = phrases.datelines.match(line.plain.lstrip())
    rest = line.plain.lstrip()[match.end() :].lstrip() if match else ""
    if match is None or not rest:
        return ()
    line.plain = line.raw = rest
    line.hot = True
    return (Aside(AsideKind.SIGNATURE, match[0].strip()),)


def _sweep(
    view: list[_Line], phrases: Phrases, captions: frozenset[str]
) -> dict[int, tuple[Aside, ...]]:
    """Return the lines that leave the body now, with the asides on the first of each group."""
    gone: dict[int, tuple[Aside, ...]] = {}
    i = 0
    while i < len(view):
        split = _judge(view, i, phrases, captions) if view[i].hot else None
        if split is None:
            i += 1
            continue
        gone |= dict.fromkeys(range(i, split.stop), ())
        gone[i] = split.asides
        i = split.stop
    return gone


def _judge(view: list[_Line], i: int, phrases: Phrases, captions: frozenset[str]) -> _Split | None:
    line = view[i]
    if line.plain.strip() in captions:
        return _whole(line, i, AsideKind.CAPTION)
    if not line.plain:  # a picture without words: nothing but its address
        return _Split(i + 1, (Aside(AsideKind.CAPTION, "", split_links(line.raw)[1]),))
    split = _by_phrase(view, i, phrases)
    if split is None and line.plain.endswith(":"):
        split = _linked_list(view, i)
    return split or _doubled(view, i)


def _by_phrase(view: list[_Line], i: int, phrases: Phrases) -> _Split | None:
    if _continues(view, i):
        return None
    splits = (_apply(rule, view, i, rest) for rule, rest in phrases.matches(view[i].plain))
    return next((split for split in splits if split is not None), None)


def _continues(view: list[_Line], i: int) -> bool:
    """Say whether the line goes on with the sentence above it, as in wrapped text."""
    if i == 0 or view[i].gap:
        return False
    above = view[i - 1].plain
    if view[i].plain[0].islower():
        return True
    return len(above) >= 55 and (above[-1].islower() or above[-1] in ",-")


def _apply(rule: Rule, view: list[_Line], i: int, rest: str) -> _Split | None:
    if rule.kind is AsideKind.BACK_REFERENCE:
        return _back_reference(rule, view, i, rest)
    if rule.kind is AsideKind.READ_ALSO and not rest.strip(" :–—-|>»."):
        return _read_also(view, i)
    if rule.kind is AsideKind.OTHER_NEWS:
        return _other_news(view, i)
    return _whole(view[i], i, rule.kind)


def _whole(line: _Line, i: int, kind: AsideKind) -> _Split:
    text, links = split_links(line.raw)
    return _Split(i + 1, (Aside(kind, text, links),))


def _back_reference(rule: Rule, view: list[_Line], i: int, rest: str) -> _Split | None:
    line = view[i]
    colon = line.plain.rstrip(" *_").endswith(":")
    if colon and not rest.strip(" *_"):
        items = _items(view, i + 1) or (() if rule.prose else _tail(view, i + 1))
        return _grouped(view, i, items, AsideKind.BACK_REFERENCE) if items else None
    linked = holds_link(line.raw)
    inline = bool(rest.strip()) and not rule.prose and rest.strip()[0] not in _QUOTES
    return _whole(line, i, AsideKind.BACK_REFERENCE) if linked or inline else None


def _read_also(view: list[_Line], i: int) -> _Split:
    items = _items(view, i + 1) or _title_lines(view, i + 1)
    return _grouped(view, i, items, AsideKind.READ_ALSO)


def _linked_list(view: list[_Line], i: int) -> _Split | None:
    """Take a short heading whose list is all links, whatever its words."""
    items = _items(view, i + 1) if len(view[i].plain) <= _MAX_HEADING_CHARS else []
    if not items or not all(_MARKER.match(it.plain) and holds_link(it.raw) for it in items):
        return None
    return _grouped(view, i, items, AsideKind.BACK_REFERENCE)


def _items(view: list[_Line], start: int) -> list[_Line]:
    """Return the list that begins at ``start``: all marked lines, or all lines with a link."""
    if start >= len(view):
        return []
    marked = _MARKER.match(view[start].plain) is not None
    items = []
    for line in view[start : start + _MAX_ITEMS]:
        fits = _MARKER.match(line.plain) if marked else holds_link(line.raw)
        if not fits or len(line.plain) > _MAX_ITEM_CHARS:
            break
        items.append(line)
    return items


def _tail(view: list[_Line], start: int) -> Sequence[_Line]:
    """Return all that follows, if it is as short as a list that lost its bullets."""
    rest = view[start:]
    short = 0 < len(rest) <= _MAX_TAIL_ITEMS and all(len(r.plain) <= _MAX_ITEM_CHARS for r in rest)
    return (
        rest if short and not any(r.plain.lstrip()[0] in _QUOTES for r in rest if r.plain) else ()
    )


def _title_lines(view: list[_Line], start: int) -> list[_Line]:
    """Return lines that look like headlines: short, without an end mark."""
    items = []
    for line in view[start : start + _MAX_TAIL_ITEMS]:
        if len(line.plain) > 160 or line.plain[-1:] in _ENDS or line.plain[-1:] in _QUOTES:
            break
        items.append(line)
    return items


def _grouped(view: list[_Line], i: int, items: Sequence[_Line], kind: AsideKind) -> _Split:
    """Make one aside per item; the heading stands before the first item's words."""
    heading, links = split_links(view[i].raw)
    asides = []
    for item in items:
        text, urls = split_links(_MARKER.sub("", item.raw, count=1))
        asides.append(Aside(kind, f"{heading}\n{text}" if heading else text, (*links, *urls)))
        heading, links = "", ()
    return _Split(i + 1 + len(items), tuple(asides) or (Aside(kind, heading, links),))


def _other_news(view: list[_Line], i: int) -> _Split | None:
    """Take the heading and all after it, if a story stands before and only cards follow."""
    before = sum(len(line.plain) for line in view[:i])
    if before < 100 or any(len(line.plain) > _MAX_ITEM_CHARS for line in view[i + 1 :]):
        return None
    heading = Aside(AsideKind.OTHER_NEWS, *split_links(view[i].raw))
    cards = [_card(group) for group in _paragraphs(view[i + 1 :])]
    return _Split(len(view), (heading, *cards))


def _paragraphs(lines: list[_Line]) -> Iterator[list[_Line]]:
    group: list[_Line] = []
    for line in lines:
        if line.gap and group:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _card(group: list[_Line]) -> Aside:
    return Aside(AsideKind.OTHER_NEWS, *split_links("\n".join(line.raw for line in group)))


def _doubled(view: list[_Line], i: int) -> _Split | None:
    """Take a short paragraph that stands twice in a row: a picture's alt and its caption."""
    text = view[i].plain
    stop = i + 1
    while stop < len(view) and view[stop].plain == text:
        stop += 1
    if stop == i + 1 or not 12 <= len(text) <= _MAX_CAPTION_CHARS or text.isupper():
        return None
    return _Split(stop, (Aside(AsideKind.CAPTION, *split_links(view[i].raw)),))
