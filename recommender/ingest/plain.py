"""An article page copied as plain text to an Article.

What such a page looks like: the title; a header of short lines (byline, often run together with
the section, date, captions, each caption twice: its ``alt`` text and itself); paragraphs; at the
end a list of other articles under a heading of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files

from recommender.article import Article, Aside, AsideKind
from recommender.errors import InputError
from recommender.ingest.dates import parse_date

__all__ = ["read_plain_page"]

MAX_TEXT_CHARS = 10_000_000

_BYLINE = re.compile(r"^(?:by|text by|автор(?:ка|и|ы)?|текст)\s*(?::\s*|\s+)(?=\S)", re.I)
_PHOTO = re.compile(
    r"^(?:photo|image|picture|фото|ілюстрація|иллюстрация)(?:\s+[^:]{1,40})?\s*:", re.I
)
_DATE_LABEL = re.compile(
    r"^(?:published|updated|опубліковано|оновлено|опубликовано|обновлено)\s*:?\s+", re.I
)
_OTHER_NEWS = re.compile(
    r"^[\W_]*(?:other (?:news|stories)|more news|latest news|top news|"
    r"related (?:news|stories|articles)|"
    r"(?:інші|останні|свіжі|головні|схожі) новини|"
    r"новини (?:за темою|партнерів|по темі)|"
    r"(?:другие|последние|свежие|главные|похожие) новости|"
    r"новости (?:по теме|партнеров|партнёров))[\W_]*$",
    re.I,
)
_SEPARATOR = re.compile(r"^\s*[|/,•·–—-]\s*|\s*[|/,•·–—-]\s*$")
_ITEM = re.compile(r"^[-•*–—]\s")
_ENDS = re.compile(r"[.!?:;…][\"'”’»)\]]*$")
# "McCain", "DeSantis", "O'Neill": capitals inside one name.
_NAME_PREFIX = re.compile(r"(?:^|\s)(?:Mc|Mac|De|Di|Du|La|Le|Van|Von|Fitz|O['’])$")
_MAX_HEADER_LINES = 10


@dataclass(slots=True)
class _Header:
    """What the short lines between the title and the text gave so far."""

    authors: tuple[str, ...] = ()
    section: str | None = None
    published_at: datetime | None = None
    captions: list[str] = field(default_factory=list)


def read_plain_page(text: str, *, article_id: str | None = None) -> Article:
    """Read the article of a page that was copied as plain text.

    Parameters
    ----------
    text : the page, the title on its first line that is not empty
    article_id : the identifier to give it; otherwise a digest of the text

    Returns
    -------
    Article; ``body`` as it stood, promo lines and lists of back references included (cleaning is
    another step), captions and the list of other news as asides. ``lang`` is left to be detected.

    Raises
    ------
    InputError : the text is empty, or longer than 10 million characters
    """
    if len(text) > MAX_TEXT_CHARS:
        raise InputError(
            f"the text has {len(text):,} characters; at most {MAX_TEXT_CHARS:,} are read"
        )
    lines = [" ".join(line.split()) for line in text.replace("\ufeff", "").splitlines()]
    start = next((i for i, line in enumerate(lines) if line), None)
    if start is None:
        raise InputError("the text of the page is empty; expected the title on its first line")
    header, first = _read_header(lines, start + 1)
    stop = next(
        (i for i in range(first + 1, len(lines)) if _OTHER_NEWS.match(lines[i])), len(lines)
    )
    kept, captions = _without_repeats(lines[first:stop])
    return Article(
        id=article_id or _digest(text),
        title=lines[start],
        body="\n\n".join(_paragraphs(kept)),
        section=header.section,
        authors=header.authors,
        published_at=header.published_at,
        asides=_asides(header.captions + captions, lines[stop:]),
    )


def _digest(text: str) -> str:
    raw = text.encode("utf-8", "replace")
    return f"page-{hashlib.blake2b(raw, digest_size=8).hexdigest()}"


def _asides(captions: Sequence[str], other_news: Sequence[str]) -> tuple[Aside, ...]:
    asides = [Aside(AsideKind.CAPTION, text) for text in dict.fromkeys(captions)]
    if other := "\n\n".join(line for line in other_news if line):
        asides.append(Aside(AsideKind.OTHER_NEWS, other))
    return tuple(asides)


def _read_header(lines: Sequence[str], start: int) -> tuple[_Header, int]:
    """Read the header; also return the index of the first line of the text."""
    header, i, n_read = _Header(), start, 0
    while i < len(lines) and n_read < _MAX_HEADER_LINES:
        if not lines[i]:
            i += 1
            continue
        twice = i + 1 < len(lines) and lines[i] == lines[i + 1]
        if not _take(header, lines[i], twice=twice):
            break
        i, n_read = i + 1 + twice, n_read + 1
    return header, i


def _take(header: _Header, line: str, *, twice: bool) -> bool:
    """Put one header line where it belongs; False when it is the beginning of the text."""
    if twice or _PHOTO.match(line):
        header.captions.append(line)
        return True
    if header.published_at is None and (date := parse_date(_DATE_LABEL.sub("", line))) is not None:
        header.published_at = date
        return True
    if header.section is None and line.casefold() in _sections():
        header.section = line
        return True
    return _take_byline(header, line)


def _take_byline(header: _Header, line: str) -> bool:
    name, section = _split_byline(_BYLINE.sub("", line))
    marked = bool(_BYLINE.match(line))
    if header.authors or not (_is_name(name) or (marked and len(name.split()) <= 12)):
        return False
    names = re.split(r"\s*,\s+|\s+(?:and|та|і|и)\s+", name)
    header.authors = tuple(n for n in names if n)
    header.section = header.section or section
    return True


def _split_byline(line: str) -> tuple[str, str | None]:
    """Split "Daria DurovaWorld" into the name and the section.

    A known section at the end decides; else the last place where a capital follows a small
    letter inside a word, unless the letters before it are a beginning of names such as "Mc".
    """
    folded = line.casefold()
    for section in _sections_by_length():
        if folded.endswith(section) and len(section) < len(line):
            cut = len(line) - len(section)
            # "Hardlife" is a name: the section starts with a capital of its own.
            if line[cut].isupper() and (name := _SEPARATOR.sub("", line[:cut]).strip()):
                return name, line[cut:]
    cuts = [i for i in range(1, len(line)) if line[i - 1].islower() and line[i].isupper()]
    cuts = [i for i in cuts if not _NAME_PREFIX.search(line[:i])]
    return (line[: cuts[-1]].strip(), line[cuts[-1] :].strip()) if cuts else (line, None)


def _is_name(text: str) -> bool:
    """Say whether it could be a person's name or several: two to eight capitalized words."""
    words = [w for w in re.split(r"[\s,]+", text) if w not in ("", "and", "та", "і", "и")]
    if not 2 <= len(words) <= 8 or _ENDS.search(text) or len(text) > 80:
        return False
    per_name = max(len(n.split()) for n in re.split(r",|\s(?:and|та|і|и)\s", text))
    return per_name <= 3 and all(w[0].isupper() and not any(c.isdigit() for c in w) for w in words)


@cache
def _sections() -> frozenset[str]:
    raw = (files("recommender.ingest") / "sites" / "sections.txt").read_text(encoding="utf-8")
    names = (line.strip() for line in raw.splitlines() if not line.startswith("#"))
    return frozenset(name.casefold() for name in names if name)


@cache
def _sections_by_length() -> tuple[str, ...]:
    return tuple(sorted(_sections(), key=lambda name: (-len(name), name)))


def _without_repeats(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split off lines that stand twice in a row: a caption and the ``alt`` text of its picture."""
    kept: list[str] = []
    captions: list[str] = []
    i = 0
    while i < len(lines):
        if lines[i] and i + 1 < len(lines) and lines[i] == lines[i + 1]:
            captions.append(lines[i])
            i += 2
        else:
            kept.append(lines[i])
            i += 1
    return kept, captions


def _paragraphs(lines: Sequence[str]) -> list[str]:
    """Join hard-wrapped lines; every other line is a paragraph of its own."""
    found: list[str] = []
    open_line = False
    for line in lines:
        if line and open_line and line[0].islower() and not _ENDS.search(found[-1]):
            found[-1] = f"{found[-1]} {line}"
        elif line:
            found.append(line)
        open_line = bool(line)
    return found
