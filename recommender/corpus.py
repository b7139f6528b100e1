"""From articles to a corpus ready to be written: the way that builds and updates share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from recommender._languages import normalize_lang
from recommender._version import __version__
from recommender.article import Article
from recommender.config import Config
from recommender.counting import Counted, count_articles
from recommender.estimate import text_bytes
from recommender.index.writer import Corpus
from recommender.ingest import NoticeKind, Rejections, read_articles
from recommender.kept import KeptReading
from recommender.spool import Spool, SpooledArticles
from recommender.text.analyzer import Analyzer
from recommender.text.counts import display_forms, local_forms
from recommender.text.language import detect_language
from recommender.text.passages import Boilerplate

__all__ = ["Preparation", "Progress", "corpus_of", "language_names", "plain_counts", "silent"]

CHECKPOINT_ARTICLES: Final = 20_000
"""Articles read between two checkpoints: at most so many are read again."""

Progress = Callable[[str, int, int | None], None]
"""Called with the step (read, count, write, neighbours), how much is done, and of how much (None =
unknown)."""


def silent(step: str, done: int, total: int | None) -> None:
    """Report no progress."""


class Preparation:
    """Reads articles into a spool, and makes a corpus of what stands there.

    Parameters
    ----------
    rejections, progress : as ``build_index`` takes them
    jobs : threads that count; -1 = one a core

    Attributes
    ----------
    analyzer : Analyzer
    rejections : Rejections, what could not be used
    guessed : Counter, articles whose language had to be found out, by how
    """

    def __init__(
        self, config: Config, rejections: Rejections, progress: Progress = silent, jobs: int = 1
    ) -> None:
        self.analyzer = Analyzer(config.text)
        self.guessed: Counter[str] = Counter()
        self._config = config
        self.rejections = rejections
        self._progress = progress
        self._jobs = jobs

    def read(self, articles: Any, spool: Spool, kept: KeptReading | None = None) -> None:
        """Read articles into the spool; bad ones are counted among the rejections.

        Parameters
        ----------
        kept : what of it an earlier run has read into the spool already; checkpoints are added
        """
        done = KeptReading() if kept is None else kept
        self.guessed.update(done.restore(self.rejections))
        if not done.is_finished:
            self._read(articles, spool, done)
            done.add(spool, self.rejections, self.guessed, is_finished=True)
        self._progress("read", len(spool), len(spool))

    def _read(self, articles: Any, spool: Spool, kept: KeptReading) -> None:
        expected = text_bytes(articles)
        source = read_articles(
            articles,
            settings=self._config.ingest,
            rejections=self.rejections,
            place=kept.place,
        )
        for n, article in enumerate(source, len(spool) + 1):
            lang, sure = self._language(article)
            if spool.add(article, lang, sure=sure):
                self.rejections.notice(NoticeKind.REPLACED, f"id {article.id!r}")
            if not n % 200:
                share = min(1.0, spool.n_bytes / expected) if expected else 0.0
                self._progress("read", n, max(n, round(n / share)) if share else None)
            if not n % CHECKPOINT_ARTICLES:
                kept.add(spool, self.rejections, self.guessed)

    def _language(self, article: Article) -> tuple[str, bool]:
        """Return the publisher's word for the language, else what the text says; and if sure."""
        stated = normalize_lang(article.lang) if article.lang else None
        if stated:
            return stated, True
        found = detect_language(article.opening)
        self.guessed[found.origin if found.is_sure else "site"] += 1
        return found.lang, found.is_sure

    def count(
        self, spooled: SpooledArticles, boilerplate: Boilerplate, keep_in: Path | None = None
    ) -> Counted:
        """Count the terms of the articles, without the boilerplate; see ``count_articles``."""
        return count_articles(
            spooled,
            self.analyzer,
            asdict(self._config.fields),
            boilerplate,
            jobs=self._jobs,
            progress=partial(self._progress, "count"),
            keep_in=keep_in,
        )

    def about(
        self, boilerplate: Boilerplate, report: Mapping[str, Any], sites: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return what a manifest says of how its generation was made."""
        parts = ("text", "boilerplate", "fields", "search")
        return {
            "package": __version__,
            "analysis": self.analyzer.fingerprint,
            "settings": {name: asdict(getattr(self._config, name)) for name in parts},
            "report": {**report, "site_languages": dict(sorted(sites.items()))},
            "boilerplate": tuple(
                {"text": text, "articles": int(n), "hash": f"{int(h):016x}"}
                for text, n, h in zip(
                    boilerplate.texts, boilerplate.counts, boilerplate.hashes, strict=True
                )
            ),
        }


def plain_counts(counter: Mapping[Any, int]) -> dict[str, int]:
    """Return how many of each kind, by name, for manifests and reports."""
    return {str(key): n for key, n in sorted(counter.items(), key=lambda item: str(item[0]))}


def language_names(langs: Iterable[str], known: Sequence[str] = ()) -> list[str]:
    """Return the names of the language codes: those known, then the others by alphabet."""
    return [*known, *sorted(set(langs) - set(known))]


def corpus_of(spooled: SpooledArticles, counted: Counted, names: Sequence[str]) -> Corpus:
    """Return what was spooled and counted as a corpus, in document order, that takes over the rows.

    Parameters
    ----------
    names : of the language codes
    """
    place = {name: code for code, name in enumerate(names)}
    forms = display_forms(counted.vocabulary, counted.forms)
    local = local_forms(counted.forms, forms)
    # Articles with nothing to count have a language too, so the codes are those of ``names``.
    codes = np.array([place[lang] for lang in local.languages], np.uint8)
    order = spooled.order
    return Corpus(
        blocks=counted.blocks,
        vocabulary=counted.vocabulary,
        forms=forms,
        local_terms=local.terms,
        local_languages=codes[local.langs],
        local_forms=local.words,
        ids=spooled.columns["ids"].take(order),
        urls=spooled.columns["urls"].take(order),
        cards=spooled.columns["cards"].take(order),
        languages=np.array([place[spooled.langs[int(row)]] for row in order], np.uint8),
        published=spooled.published[order],
        digests=spooled.digests[order],
        spend_blocks=True,
    )
