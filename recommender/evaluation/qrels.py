"""Judgements out of files: TREC qrels, and pairs of articles with or without grades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recommender.errors import InputError
from recommender.evaluation._rows import column, fail, first_line, lines_of, rows_of, whole_number
from recommender.evaluation.judgements import Judgements, from_pairs

__all__ = ["GRADES", "read_judgements"]

GRADES = range(-10, 21)
"""Grades that can be; those below 1 mean: looked at, and not relevant."""

QUERY = ("id", "article_id", "query", "query_id", "id_a", "source", "source_id")
OTHER = ("other", "other_id", "doc", "doc_id", "id_b", "target", "target_id", "related")
GRADE = ("grade", "relevance", "relevant", "rel", "same_event", "label", "score")

Pair = tuple[int, str, str, Any]


def read_judgements(path: str | Path, *, name: str | None = None) -> Judgements:
    """Read judgements of pairs of articles.

    Parameters
    ----------
    path : TREC qrels (``query 0 article grade``, no head), or TSV, CSV or JSON lines with the
        columns id, other and grade; without a grade a pair is relevant. ``.gz`` is unpacked.
    name : in messages and reports; the file's by default

    Raises
    ------
    SourceNotFoundError : the file cannot be read
    InputError : a line that is none, a grade that is no whole number from -10 to 20, no judgement
    """
    source = Path(path)
    pairs: dict[str, dict[str, int]] = {}
    notices: Counter[str] = Counter()
    for number, query, other, raw in _pairs(source):
        grade = _grade(source, number, raw)
        if query == other:
            notices["judgements of an article for itself"] += 1
            continue
        known = pairs.setdefault(query, {})
        if known.setdefault(other, grade) != grade:
            notices["pairs judged twice, differently; the higher grade holds"] += 1
            known[other] = max(known[other], grade)
    if not pairs:
        raise InputError(f"{source} holds no judgement; expected lines such as: a-1 0 a-2 1")
    return from_pairs(name or source.name, pairs, notices=notices)


def _pairs(path: Path) -> Iterator[Pair]:
    """Yield line number, query, article and grade as written, of either form."""
    first = first_line(path)
    if _is_trec(first):
        for number, line in lines_of(path):
            cells = line.split()
            if len(cells) != 4:
                fail(path, number, f"has {len(cells)} columns; qrels have 4: query 0 article grade")
            yield number, cells[0], cells[2], cells[3]
        return
    for number, row in rows_of(path):
        query, other = column(row, QUERY), column(row, OTHER)
        if query is None or other is None:
            fail(
                path,
                number,
                f"names no pair (columns: {', '.join(row)}); expected id, other and grade",
            )
        yield number, str(query).strip(), str(other).strip(), column(row, GRADE)


def _is_trec(line: str) -> bool:
    """Tell whether a first line is one of qrels: four columns, no JSON, and no head of a table.

    A head has marks between its columns and no number in the last. What is neither is taken for
    qrels, so that a grade that cannot be is told as one.
    """
    cells = line.split()
    is_head = any(mark in line for mark in "\t,;") and not _is_number(cells[-1])
    return len(cells) == 4 and not line.startswith(("{", "[")) and not is_head


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _grade(path: Path, number: int, raw: Any) -> int:
    if raw is None:
        return 1
    grade = whole_number(raw)
    if grade is None or grade not in GRADES:
        fail(
            path,
            number,
            f"has the grade {raw!r}; expected a whole number from {GRADES[0]} to {GRADES[-1]}",
        )
    return grade
