"""Runs: the lists of one system, from a file of ours, a TREC file, or a model that is asked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recommender.errors import InputError
from recommender.evaluation._rows import fail, first_line, lines_of, rows_of, whole_number
from recommender.export import related_rows
from recommender.index.reader import NO_DATE
from recommender.recommend import Recommender

__all__ = ["Run", "check_lists", "live_run", "read_run", "replayed_run"]

Progress = Callable[[str, int, int | None], None]

_STEP = 512


@dataclass(frozen=True, slots=True)
class Run:
    """The lists of one system.

    Attributes
    ----------
    name : str
    lists : for each query the ids, best first, none twice and never the query
    scores : for each query the scores; a query may be absent
    copies : for queries, by card, the articles that stand under it as its copies; mostly none
    notices : what was left out, in words, with how many
    """

    name: str
    lists: Mapping[str, tuple[str, ...]]
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    notices: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def told(self, query: str, truth: Mapping[str, int]) -> tuple[str, ...]:
        """Return what a list tells of what is judged: its cards, and the copies under them.

        A copy with a grade above 0 stands right after its card; another takes no place, as on the
        page. Nothing stands twice.
        """
        cards, copies = self.lists.get(query, ()), self.copies.get(query)
        if not copies:
            return cards
        shown, out = {query, *cards}, list[str]()
        for card in cards:
            own = dict.fromkeys(copies.get(card, ()))
            under = [copy for copy in own if truth.get(copy, 0) > 0 and copy not in shown]
            out += [card, *under]
            shown.update(under)
        return tuple(out)

    def named(self, name: str) -> Run:
        """Return the same run under another name."""
        return replace(self, name=name)

    def where(self, allowed: Callable[[str, str], bool], why: str) -> Run:
        """Return the run with those cards alone that are allowed under their query."""
        kept = {q: [allowed(q, item) for item in ids] for q, ids in self.lists.items()}
        left = sum(len(flags) - sum(flags) for flags in kept.values())
        return replace(
            self,
            lists={q: _those(self.lists[q], flags) for q, flags in kept.items()},
            scores={q: _those(own, kept[q]) for q, own in self.scores.items()},
            copies={
                q: {card: tuple(c for c in own if allowed(q, c)) for card, own in under.items()}
                for q, under in self.copies.items()
            },
            notices=dict(Counter(self.notices) + Counter({why: left})),
        )


def _those(values: tuple[Any, ...], flags: Iterable[bool]) -> tuple[Any, ...]:
    return tuple(value for value, kept in zip(values, flags, strict=False) if kept)


def check_lists(run: Run, queries: Sequence[str]) -> None:
    """Raise InputError for a run without a list of any judged query: it could but get zeros."""
    if not any(query in run.lists for query in queries):
        raise InputError(
            f"The run {run.name} has no list of any of the judged queries ({len(queries):,}): it "
            "is of other articles, or its ids are written otherwise."
        )


# --- files ---


def read_run(path: str | Path, *, name: str | None = None) -> Run:
    """Read the lists of a system.

    Parameters
    ----------
    path : JSON lines as ``recommender export`` writes them (``id``, ``related``, ``scores``,
        ``copies``), or a TREC run: ``query Q0 article rank score tag``, ordered by score, ties by
        rank. ``.gz`` is unpacked.
    name : in messages and reports; the file's by default

    Raises
    ------
    SourceNotFoundError : the file cannot be read
    InputError : a line that is none, an article twice in a list, a query twice, no list
    """
    source = Path(path)
    first = first_line(source)
    if not first:
        raise InputError(f"{source} is empty; expected a list a line, as recommender export makes.")
    is_json = first.lstrip().startswith("{")
    lists = _json_lists(source) if is_json else _trec_lists(source)
    found: dict[str, tuple[str, ...]] = {}
    scores: dict[str, tuple[float, ...]] = {}
    copies: dict[str, dict[str, tuple[str, ...]]] = {}
    own = 0
    shared: dict[str, str] = {}  # an id stands in many lists, and once in memory
    for query, ids, values, under in lists:
        flags = [item != query for item in ids]
        own += len(flags) - sum(flags)
        found[query] = _those(tuple(shared.setdefault(i, i) for i in ids), flags)
        if values or not ids:
            scores[query] = _those(tuple(values), flags)
        if under:
            copies[query] = under
    notices = {"cards that were the article itself": own} if own else {}
    return Run(name or source.name, found, scores, notices, copies)


Under = dict[str, tuple[str, ...]]
List = tuple[str, list[str], list[float], Under]


def _json_lists(path: Path) -> Iterator[List]:
    seen: set[str] = set()
    for number, row in rows_of(path):
        query, ids = row.get("id"), row.get("related")
        if not isinstance(query, str | int) or not isinstance(ids, list):
            fail(
                path, number, 'is no list; expected {"id": ..., "related": [...], "scores": [...]}'
            )
        key, scores = str(query), row.get("scores") or []
        if key in seen:
            fail(path, number, f"is the second list of {key!r}; a run has one for each article")
        seen.add(key)
        items = [str(item) for item in ids]
        _check_repeats(path, number, key, items)
        if scores and (not isinstance(scores, list) or len(scores) != len(items)):
            fail(path, number, f"does not have a score for each of its {len(items)} articles")
        values = [_score(path, number, score) for score in scores]
        yield key, items, values, _copies(path, number, row.get("copies"))


def _copies(path: Path, number: int, raw: Any) -> Under:
    """Return the copies under cards, as ``recommender export`` writes them."""
    if raw is None:
        return {}
    if not isinstance(raw, dict) or not all(isinstance(ids, list) for ids in raw.values()):
        fail(path, number, 'has copies that are none; expected {"card": ["copy", ...]}')
    return {str(card): tuple(map(str, ids)) for card, ids in raw.items()}


def _trec_lists(path: Path) -> Iterator[List]:
    rows: dict[str, list[tuple[float, int, str, int]]] = {}
    for number, line in lines_of(path):
        cells = line.split()
        if len(cells) != 6:
            fail(
                path, number, f"has {len(cells)} columns; a TREC run has 6: q Q0 id rank score tag"
            )
        rank = whole_number(cells[3])
        if rank is None or rank < 0:
            fail(path, number, f"has the rank {cells[3]!r}; expected a whole number")
        score = _score(path, number, cells[4])
        rows.setdefault(cells[0], []).append((-score, rank, cells[2], number))
    for query, cards in rows.items():
        cards.sort()
        ids = [item for _, _, item, _ in cards]
        _check_repeats(path, max(n for *_, n in cards), query, ids)
        yield query, ids, [-score for score, *_ in cards], {}


def _check_repeats(path: Path, number: int, query: str, ids: list[str]) -> None:
    if len({*ids}) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        fail(path, number, f"lists {twice!r} twice for {query!r}; a list names an article once")


def _score(path: Path, number: int, raw: Any) -> float:
    try:
        score = float(raw)
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        fail(path, number, f"has the score {raw!r}; expected a number")
    return score


# --- a model that is asked ---


def live_run(
    model: Recommender,
    *,
    name: str = "this index",
    jobs: int = 1,
    progress: Progress | None = None,
    **options: Any,
) -> Run:
    """Ask a model for the list of every article, or of some.

    Parameters
    ----------
    **options : as ``recommender.export.related_rows`` takes them, such as ``ids``
    """
    lists: dict[str, tuple[str, ...]] = {}
    scores: dict[str, tuple[float, ...]] = {}
    copies: dict[str, Under] = {}
    shared: dict[str, str] = {}
    for row in related_rows(model, jobs=jobs, **options):
        ids = tuple(shared.setdefault(item, item) for item in row["related"])
        key = shared.setdefault(row["id"], row["id"])
        lists[key], scores[key] = ids, tuple(row["scores"])
        if "copies" in row:
            copies[key] = {card: tuple(under) for card, under in row["copies"].items()}
        if progress and not len(lists) % _STEP:
            progress("export", len(lists), model.index.n_articles)
    return Run(name, lists, scores, copies=copies)


def replayed_run(
    model: Recommender,
    queries: Iterable[str],
    *,
    name: str = "this index, replayed",
    progress: Progress | None = None,
    **options: Any,
) -> Run:
    """Ask for lists as they were when each article appeared: of nothing that is newer.

    Words weigh what they do today. Undated articles may be listed; for an undated query there is no
    list, which is counted.

    Parameters
    ----------
    queries : article ids of the index
    """
    answers = model.answers  # one generation, whatever is published meanwhile
    index, lists, scores, copies, undated = answers.index, {}, {}, dict[str, Under](), 0
    every = list(queries)
    for n, key in enumerate(every, 1):
        doc = answers.doc_of(key)
        published = index.published(doc)
        if published == NO_DATE:
            undated += 1
            continue
        ask = answers.ask_for({**options, "now": float(published), "include_newer": False})
        chosen = answers.rank(doc, ask).chosen
        lists[key] = tuple(index.article_id(card.doc) for card in chosen)
        copies[key] = {
            index.article_id(card.doc): tuple(map(index.article_id, card.copies))
            for card in chosen
            if card.copies
        }
        scores[key] = tuple(card.score for card in chosen)
        if progress and not n % _STEP:
            progress("replay", n, len(every))
    left = {"undated articles, which cannot be replayed": undated} if undated else {}
    return Run(name, lists, scores, left, copies)
