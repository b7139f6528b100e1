"""Judgements that nobody wrote as such: a story field, sections, tags, links, clicks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from recommender.errors import InputError, SourceNotFoundError
from recommender.evaluation._rows import column, rows_of
from recommender.evaluation.catalog import UNKNOWN, Catalog
from recommender.evaluation.judgements import Judgements, from_groups, from_pairs
from recommender.evaluation.logs import Log, is_log, read_log
from recommender.evaluation.qrels import read_judgements

__all__ = [
    "from_back_references",
    "from_clicks",
    "from_field",
    "from_sections",
    "from_tags",
    "judgements_of",
    "stories_of",
    "truth_of",
]

_WEAK_SECTION = (
    "two articles of one section need not belong together, and those of two sections may: "
    "use it to see differences, not as a grade"
)
_WEAK_TAG = "tags are given for search engines, and a tag may cover years"
_WEAK_CLICK = "readers can only click what they were shown, and click what stands first"


def from_field(name: str, catalog: Catalog, articles: str | Path | None = None) -> Judgements:
    """Return judgements by a field, such as a story or cluster id: who shares it belongs together.

    Only articles of one language belong together, as the source states the language.

    Parameters
    ----------
    articles : a file of JSON lines, or a table, that holds ids and the field; None = the index,
        which holds what ``[ingest] extra_columns`` names

    Raises
    ------
    InputError : no article has the field
    """
    wanted, labels = name.casefold(), {}
    for key, record in _records(catalog, articles):
        value = record.get(wanted)
        if key and value not in (None, "", UNKNOWN):
            labels[key] = [f"{value}\0{record.get('lang') or ''}"]
    if not labels:
        where = articles or "the index (keep the column with [ingest] extra_columns)"
        raise InputError(f"No article has a field {name!r} in {where}. Give the file: --articles.")
    return from_groups(f"field {name}", labels)


def _records(catalog: Catalog, articles: str | Path | None) -> Iterator[tuple[str, Any]]:
    if articles is None:
        for key, lang in zip(catalog.ids, catalog.languages, strict=True):
            extra = catalog.card(key).get("extra", {})
            yield key, {"lang": lang, **{str(n).casefold(): v for n, v in extra.items()}}
        return
    for _, row in rows_of(Path(articles)):
        yield str(row.get("id") or row.get("article_id") or ""), row


def from_sections(catalog: Catalog) -> Judgements:
    """Return judgements by section and language: weak, and said so."""
    places = zip(catalog.ids, catalog.sections, catalog.languages, strict=True)
    labels = {key: [f"{section}\0{lang}"] for key, section, lang in places if section != UNKNOWN}
    if not labels:
        raise InputError("No article of the index has a section; judge by something else.")
    return from_groups("same section", labels, weak=_WEAK_SECTION)


def from_tags(catalog: Catalog) -> Judgements:
    """Return judgements by a tag in common, within a language: weak, and said so."""
    langs = dict(zip(catalog.ids, catalog.languages, strict=True))
    labels = {
        key: [f"{tag.casefold()}\0{langs[key]}" for tag in tags]
        for key, tags in catalog.tags.items()
    }
    if not labels:
        raise InputError("No article of the index has tags; judge by something else.")
    return from_groups("a tag in common", labels, weak=_WEAK_TAG)


def from_back_references(
    catalog: Catalog, links: Iterable[tuple[str, Iterable[str]]] | None = None
) -> Judgements:
    """Return the links that editors put into articles: what a text refers back to is relevant.

    Links are not in the text that is compared, so that this is a fair test.

    Parameters
    ----------
    links : for each article its links, ids or addresses; None = those that the index holds

    Raises
    ------
    InputError : no link leads to an article of the index
    """
    pairs: dict[str, dict[str, int]] = {}
    notices: Counter[str] = Counter()
    for key, targets in catalog.links.items() if links is None else links:
        if key not in catalog.place:
            notices["queries that are no article of the index"] += 1
            continue
        for target in targets:
            doc = catalog.index.find(target)
            if doc is None:
                notices["links that lead to no article of the index"] += 1
            elif (other := catalog.index.article_id(doc)) != key:
                pairs.setdefault(key, {})[other] = 1
    if not pairs:
        raise InputError(
            "No article refers back to another of the index"
            f"{f' ({notices.total():,} links lead elsewhere)' if notices else ''}. "
            "Build with links, or judge by something else."
        )
    return from_pairs("back references", pairs, kind="back references", notices=notices)


def from_clicks(log: Log) -> Judgements:
    """Return judgements by which whatever was clicked at least once is relevant: weak."""
    pairs: dict[str, dict[str, int]] = {}
    rows = zip(log.queries, log.items, log.clicked.tolist(), strict=True)
    for query, item, clicked in rows:
        known = pairs.setdefault(query, {})
        known[item] = max(known.get(item, 0), int(clicked))
    return from_pairs(f"clicks of {log.name}", pairs, kind="clicks", weak=_WEAK_CLICK)


def stories_of(
    source: str, catalog: Catalog, articles: str | Path | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the stories that articles belong to.

    Parameters
    ----------
    source : a table or JSON lines with an id and a story (``story_id``, ``story``, ``cluster``), or
        the name of a field, as ``from_field`` takes it

    Raises
    ------
    InputError : no article has any
    """
    wanted = source.casefold()
    names = ("story_id", "story", "cluster", wanted)
    path = Path(source)
    records = _records(catalog, path if path.is_file() else articles)
    found: dict[str, tuple[str, ...]] = {}
    for key, record in records:
        story = column(record, names if path.is_file() else (wanted,))
        if key and story is not None and story != UNKNOWN:
            found[key] = (str(story),)
    if not found:
        raise InputError(f"No article has a story in {source!r}; expected a file or a field.")
    return found


def judgements_of(source: str, catalog: Catalog, articles: str | Path | None = None) -> Judgements:
    """Return the judgements that a word or a file names.

    Parameters
    ----------
    source : ``back-references``, ``sections``, ``tags``, ``field:NAME``, or a file: of judgements,
        or a log, whose clicks are taken
    articles : a file that holds the field, or the links, where the index does not

    Raises
    ------
    InputError, SourceNotFoundError : nothing can be judged by it; the message says why
    """
    return truth_of(source, articles)(catalog)


def truth_of(source: str, articles: str | Path | None = None) -> Callable[[Catalog], Judgements]:
    """Return what gives the judgements that a word or a file names, once there is a catalog.

    A file of judgements or of clicks is read now, so that what is wrong with it is told before
    other work.

    Parameters
    ----------
    source, articles : as ``judgements_of`` takes them

    Raises
    ------
    InputError, SourceNotFoundError : the file cannot be used
    """
    if source == "back-references":
        return lambda catalog: from_back_references(
            catalog, None if articles is None else _links(articles)
        )
    if source == "sections":
        return from_sections
    if source == "tags":
        return from_tags
    if source.startswith("field:"):
        return partial(from_field, source.removeprefix("field:"), articles=articles)
    found = _file_of(source)
    return lambda catalog: found


def _file_of(source: str) -> Judgements:
    path = Path(source)
    if not path.exists():
        raise SourceNotFoundError(
            f"There is no file {source}. Judgements are a file, or one of: {', '.join(_WORDS)}."
        )
    return from_clicks(read_log(path)) if is_log(path) else read_judgements(path)


_WORDS = ("back-references", "sections", "tags", "field:NAME")


def _links(articles: str | Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the links of articles out of their source, found as a build finds them."""
    from recommender.ingest import read_articles

    for article in read_articles(articles):
        if article.links:
            yield article.id, article.links
