"""The slow, obvious twin of recommender.text.passages: plain Python, no hashing, no tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

BLANKS = b" \t\n\v\f\r"


def mark_size(text: bytes) -> int:
    """Return the size of the mark that ``text`` begins with, 0 where it begins with a letter."""
    if text[:1].isascii() and not text[:1].isalnum():
        return len(text[:1])
    if len(text) >= 2 and text[0] == 0xC2:
        return 2
    return 3 if len(text) >= 3 and text[:2] == b"\xe2\x80" else 0


def normalised(passage: bytes) -> bytes:
    """Return what two writings of one passage have in common."""
    while passage and mark_size(passage):
        passage = passage[mark_size(passage) :]
    while passage:
        size = next((k for k in (1, 2, 3) if mark_size(passage[-k:]) == k), 0)
        if not size:
            break
        passage = passage[:-size]
    for blank in BLANKS:
        passage = passage.replace(bytes([blank]), b" ")
    while b"  " in passage:
        passage = passage.replace(b"  ", b" ")
    return passage.lower()  # bytes.lower() touches ASCII only


def sentence_ends(paragraph: bytes) -> Iterator[int]:
    """Yield where a sentence ends: after end and closing marks, before a blank or the end."""
    i = 0
    while i < len(paragraph):
        size = 1 if paragraph[i : i + 1] in (b".", b"!", b"?") else 0
        size = 3 if paragraph[i : i + 3] == b"\xe2\x80\xa6" else size
        stop = i + size
        while size and stop < len(paragraph) and paragraph[stop] not in BLANKS:
            more = mark_size(paragraph[stop:])
            size = size if more else 0
            stop += more
        if size:
            yield stop
            i = stop
        else:
            i += 1


def cut(body: bytes) -> list[tuple[int, int]]:
    """Return (start, end) of all passages: sentences, and paragraphs of two or more."""
    spans, start = [], 0
    for paragraph in body.split(b"\n"):
        ends = [e for e in sentence_ends(paragraph) if e < len(paragraph)] + [len(paragraph)]
        begins = [0, *ends[:-1]]
        found = [(start + b, start + e) for b, e in zip(begins, ends, strict=True) if e > b]
        spans += found
        if len(found) > 1:
            spans.append((start, start + len(paragraph)))
        start += len(paragraph) + 1
    return spans


def fits(passage: bytes, min_chars: int, max_chars: int) -> bool:
    """Say whether a normalised passage has an allowed number of characters."""
    return min_chars <= sum(byte & 0xC0 != 0x80 for byte in passage) <= max_chars


def find(
    bodies: Sequence[str],
    sites: Sequence[int],
    *,
    min_articles: int,
    min_share: float,
    min_chars: int,
    max_chars: int,
) -> dict[bytes, int]:
    """Return in how many articles each passage of boilerplate stands, by its bytes."""
    stood: dict[tuple[int, bytes], set[int]] = defaultdict(set)
    for row, body in enumerate(bodies):
        raw = body.encode()
        for start, end in cut(raw):
            passage = normalised(raw[start:end])
            if fits(passage, min_chars, max_chars):
                stood[sites[row], passage].add(row)
    counts: dict[bytes, int] = defaultdict(int)
    for (site, passage), rows in stood.items():
        if len(rows) >= max(min_articles, ceil(list(sites).count(site) * min_share)):
            counts[passage] += len(rows)
    return dict(counts)


def blank(body: str, passages: set[bytes]) -> str:
    """Return ``body`` with the known passages overwritten by spaces."""
    raw = bytearray(body.encode())
    for start, end in cut(body.encode()):
        if normalised(body.encode()[start:end]) in passages:
            raw[start:end] = b" " * (end - start)
    return raw.decode()
