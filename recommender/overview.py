"""What an index holds and how it came to be, as plain mappings for people and programs."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.answers import Answers
from recommender.config import Config, Origins
from recommender.eligibility import Ask
from recommender.index.collection import factors
from recommender.index.reader import Choice, Index
from recommender.ranker import is_choosy
from recommender.recommend import Recommender

__all__ = ["article_overview", "blocks_with", "fast_recall", "index_overview"]

_TOP_TERMS = 15


def index_overview(model: Recommender, config: Config, origins: Origins) -> dict[str, Any]:
    """Return what the index holds, and every setting with where it came from.

    Settings of the text, its fields and its weights are those the index was built with, whatever
    ``config`` says.
    """
    answers = model.answers
    index, manifest = answers.index, answers.index.manifest
    records = [*manifest.segments.values(), manifest.files]
    sections = Counter(index.card(doc).get("section") or "-" for doc in index.docs().tolist())
    return {
        "index": {
            "generation": manifest.generation,
            "built": manifest.built_at,
            "by version": manifest.package,
            "format": manifest.format,
            "articles": index.n_articles,
            "segments": len(index.parts),
            "gone": len(index.gone),
            "terms": index.collection.n_terms,
            "postings": manifest.counts["postings"],
            "size": sum(r["bytes"] for files in records for r in files.values()),
            "analysis": manifest.analysis[:16],
        },
        "search": _search(answers),
        "languages": dict(Counter(manifest.report.get("languages", {})).most_common()),
        "without_rules": dict(manifest.report.get("without_rules", {})),
        "guessed": dict(manifest.report.get("guessed", {})),
        "sections": dict(sections.most_common(30)),
        "rejected": dict(manifest.report.get("rejected", {})),
        "notices": dict(manifest.report.get("notices", {})),
        "boilerplate": [
            dict(b) for b in sorted(manifest.boilerplate, key=lambda b: -b["articles"])
        ],
        "settings": _settings(index, config, origins),
    }


def _search(model: Answers) -> dict[str, Any]:
    """Return how searches find, and how much of the exact lists the fast mode finds here."""
    index, effort = model.index, model.search
    is_fast = effort.for_size(index.n_docs)[0] < 1.0
    recall, n = fast_recall(model)
    return {
        "mode": "fast" if is_fast else "exact",
        "recall of fast mode": round(recall, 4),
        "measured on": n,
        "neighbours": "fresh" if index.is_fresh else "as linked since they were found",
        "statistics": _statistics(index),
        "neighbours kept": index.parts[0].segment.width if index.parts else 0,
    }


def _statistics(index: Index) -> str:
    """Return which statistics weigh the words, and how far frozen ones are from today's."""
    weights = index.collection.weights
    if weights.statistics == "global":
        return "global"
    now = factors(weights, index.collection.df, index.n_articles)[1]
    frozen, counted = index.collection.idf_squared, index.collection.df > 0
    used = counted & (now > 0) & (frozen > 0)
    moved = np.abs(np.sqrt(frozen[used] / now[used]) - 1.0)
    if not len(moved):
        return "frozen"
    weighted = float(np.average(moved, weights=index.collection.df[used]))
    return f"frozen; a word's weight is off by {weighted:.1%}, by {moved.max():.1%} at most"


def fast_recall(model: Recommender | Answers, *, k: int = 10, most: int = 100) -> tuple[float, int]:
    """Return the share of the exact ``k`` best that the fast mode finds, and of how many articles.

    Measured on articles spread evenly over the index, in their own languages. An article with no
    neighbours loses none; of no articles the share is 1.
    """
    model = model.answers if isinstance(model, Recommender) else model
    index = model.index
    every = index.docs()
    docs = every[np.unique(np.linspace(0, max(0, len(every) - 1), most).astype(int))[: len(every)]]
    exact, fast = (
        index.search_rows(docs, k, effort=dataclasses.replace(model.search, mode=mode))[0]
        for mode in ("exact", "fast")
    )
    shares = [
        np.isin(a[a >= 0], b).mean() if (a >= 0).any() else 1.0
        for a, b in zip(exact, fast, strict=True)
    ]
    return (float(np.mean(shares)) if shares else 1.0), len(docs)


def article_overview(model: Recommender, key: str) -> dict[str, Any]:
    """Return what is known of one article: its card, and its heaviest terms with their weights."""
    answers = model.answers
    index, doc = answers.index, answers.doc_of(key)
    query = index.query_of(doc)
    parts = index.products(query.terms, query.codes, query.codes)
    heaviest = sorted(range(len(parts)), key=lambda i: (-parts[i], i))[:_TOP_TERMS]
    length = index.length(query.terms, query.codes) or 1.0
    names = index.display(query.terms[heaviest], index.language(doc))
    return {
        "id": index.article_id(doc),
        **index.card(doc),
        "lang": index.language(doc),
        "distinct_terms": len(query.terms),
        "terms": {
            name: round(parts[i] ** 0.5 / length, 4)
            for name, i in zip(names, heaviest, strict=True)
        },
    }


def _settings(index: Index, config: Config, origins: Origins) -> dict[str, dict[str, Any]]:
    """Return every setting as section.name, with its value and its origin."""
    stored = index.manifest.settings
    out = {}
    for section in dataclasses.fields(Config):
        values = dataclasses.asdict(getattr(config, section.name))
        for name, value in values.items():
            origin = origins.get((section.name, name), "default")
            if section.name in stored and (section.name != "search" or name == "neighbours"):
                value, origin = stored[section.name].get(name, value), "the index"
            out[f"{section.name}.{name}"] = {"value": value, "origin": origin}
    return out


def _may_show(answers: Answers, docs: Sequence[int], ask: Ask, *, gone: bool) -> NDArray[np.int32]:
    """Return the articles whose blocks are looked at for one of some documents.

    Those that have it among their known neighbours, or too few; where steps may bring in what is
    not among the nearest, all.
    """
    choosy = is_choosy(ask.settings) or answers.ranker.scorer.smooths(ask.settings)
    if choosy and not gone:
        return answers.index.docs()
    own = ask.settings.languages == "same"
    limit = ask.settings.limit
    choice = Choice(excluded=ask.excluded)
    return answers.index.may_list(docs, limit, ask.effort, choice, own_language=own)


def blocks_with(model: Recommender, article_id: str, **options: Any) -> dict[str, Any]:
    """Return every block that an article stands in; of a deleted one, the proof that none does.

    Parameters
    ----------
    article_id : the id, or the address, of an article; one that was deleted by its id
    **options : as ``Recommender.related`` takes them

    Returns
    -------
    ``id``; ``status``: live, deleted, or unknown (never there, or merged away since);
    ``generation``; ``checked``, how many blocks were made to look; ``blocks``, by rank: id, title,
    rank and score
    """
    answers = model.answers
    index, live = answers.index, answers.find(article_id)
    docs = index.find_gone(article_id.strip()) if live is None else [live]
    ask = answers.ask_for(options)
    owners = _may_show(answers, docs, ask, gone=live is None)
    found, scores, _ = answers.rows(ask, owners)
    rows, ranks = np.nonzero(np.isin(found, docs))
    blocks = [
        {
            "id": index.article_id(int(owners[row])),
            "title": index.card(int(owners[row])).get("title", ""),
            "rank": int(rank) + 1,
            "score": float(scores[row, rank]),
        }
        for row, rank in zip(rows, ranks, strict=True)
    ]
    return {
        "id": article_id.strip() if live is None else index.article_id(live),
        "status": "live" if live is not None else "deleted" if docs else "unknown",
        "generation": index.manifest.generation,
        "checked": len(owners),
        "blocks": sorted(blocks, key=lambda block: (block["rank"], -block["score"], block["id"])),
    }
