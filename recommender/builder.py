"""Articles in, index out: the one place where reading, text, weights and writing meet."""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender._files import storage_errors
from recommender._languages import normalize_lang
from recommender._version import __version__
from recommender.article import Article
from recommender.config import Config
from recommender.counting import Counted, count_articles
from recommender.errors import ConfigError, InputError, RejectedBuildError
from recommender.estimate import text_bytes
from recommender.gate import Verdict, judge
from recommender.index.manifest import Manifest, writer_lock
from recommender.index.reader import Index
from recommender.index.writer import Corpus, write_generation
from recommender.ingest import NoticeKind, Rejections, read_articles
from recommender.neighbours import all_neighbours
from recommender.spool import Spool, SpooledArticles
from recommender.text.analyzer import Analyzer
from recommender.text.counts import display_forms, local_forms
from recommender.text.language import detect_language
from recommender.text.passages import Boilerplate, find_boilerplate

__all__ = ["BuildReport", "Progress", "build_index"]

_NEIGHBOURS_SO_FAR = "tmp-neighbours"

T = TypeVar("T")

Progress = Callable[[str, int, int | None], None]
"""Called with the step (read, count, write, neighbours), how much is done, and of how much (None =
unknown)."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes
    ----------
    model : folder of the index
    generation : int
    read, kept : articles met in the source, articles in the index
    rejected, notices : how many, by reason; notices are repairs, their articles were kept
    languages : articles by language
    without_rules : articles in languages that have neither stemmer nor stop words: their words
        count as they stand, scripts without spaces as pairs of characters
    guessed : articles whose language had to be found out, by how
    terms, postings, boilerplate : int
    text_bytes, index_bytes : bytes
    forced : whether it was published whatever the gate would have said
    gate : what the gate found: the figures beside those of the live generation before
    seconds : by step, and ``total``
    peak_memory_bytes : of the process, so far
    """

    model: str
    generation: int
    read: int
    kept: int
    rejected: Mapping[str, int]
    notices: Mapping[str, int]
    languages: Mapping[str, int]
    without_rules: Mapping[str, int]
    guessed: Mapping[str, int]
    forced: bool
    terms: int
    postings: int
    boilerplate: int
    text_bytes: int
    index_bytes: int
    gate: Verdict
    seconds: Mapping[str, float]
    peak_memory_bytes: int


def build_index(
    articles: Any,
    model: str | Path,
    *,
    config: Config | None = None,
    jobs: int = 1,
    rejections: Rejections | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> BuildReport:
    """Read articles, count and weigh their terms, and publish an index of them.

    The result depends on the articles and the settings alone: not on their order, the number of
    workers, the time zone or the locale. Of articles with the same id the last version stands.

    Parameters
    ----------
    articles : whatever ``read_articles`` takes: paths, a DataFrame, an iterable of mappings or of
        Article
    model : folder of the index; a new generation is added to an index that is there
    jobs : threads that count and find neighbours; -1 = one a core
    force : publish even what is so much worse than the live generation that it would be refused

    Raises
    ------
    InputError : the source cannot be used, or holds no usable article
    RejectedBuildError : much worse than the live generation, and not ``force``
    TooManyRejectionsError, IndexLockedError, StorageError, ConfigError
    """
    settings = config or Config()
    check_jobs(jobs)
    root = Path(model)
    work = _Build(settings, rejections or Rejections(), progress or _silent, jobs, force)
    was_there = root.exists()
    with storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    with writer_lock(root):
        scratch = root / "tmp-spool"
        try:
            with storage_errors(root):
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir()
            return work.run(articles, root, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            if not was_there:
                _remove_if_unused(root)


def check_jobs(jobs: int) -> None:
    """Raise ConfigError for a number of workers that cannot be."""
    if jobs == 0 or jobs < -1:
        raise ConfigError(f"jobs is {jobs!r}; expected 1 or more, or -1 for one a core.")


class _Build:
    """One run of ``build_index``: its settings, its stop-watch and its counters."""

    def __init__(
        self,
        config: Config,
        rejections: Rejections,
        progress: Progress,
        jobs: int,
        force: bool,
    ) -> None:
        self._config = config
        self._analyzer = Analyzer(config.text)
        self._rejections = rejections
        self._progress = progress
        self._jobs = jobs
        self._force = force
        self._verdict = Verdict()
        self._seconds: dict[str, float] = {}
        self._guessed: Counter[str] = Counter()

    def run(self, articles: Any, root: Path, scratch: Path) -> BuildReport:
        started = time.perf_counter()
        with Spool(scratch) as spool:
            self._timed("read", lambda: self._read(articles, spool))
            if not len(spool):
                raise InputError(_nothing_read(self._rejections))
            spooled = spool.finish()
            boilerplate = self._timed("boilerplate", lambda: self._find_boilerplate(spooled))
            counts = self._timed("count", lambda: self._count(spooled, boilerplate))
            self._progress("write", 0, None)
            manifest = self._timed("write", lambda: self._write(root, spooled, counts, boilerplate))
            self._seconds["total"] = time.perf_counter() - started
            return self._report(root, manifest, spool)

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return work()
        finally:
            self._seconds[step] = time.perf_counter() - started

    def _read(self, articles: Any, spool: Spool) -> None:
        source = read_articles(articles, settings=self._config.ingest, rejections=self._rejections)
        expected = text_bytes(articles)
        for n, article in enumerate(source, 1):
            lang, sure = self._language(article)
            if spool.add(article, lang, sure=sure):
                self._rejections.notice(NoticeKind.REPLACED, f"id {article.id!r}")
            if not n % 200:
                share = min(1.0, spool.n_bytes / expected) if expected else 0.0
                self._progress("read", n, max(n, round(n / share)) if share else None)
        self._progress("read", len(spool), len(spool))

    def _language(self, article: Article) -> tuple[str, bool]:
        """Return the publisher's word for the language, else what the text says; and if sure."""
        stated = normalize_lang(article.lang) if article.lang else None
        if stated:
            return stated, True
        found = detect_language(article.opening)
        self._guessed[found.origin if found.is_sure else "site"] += 1
        return found.lang, found.is_sure

    def _find_boilerplate(self, spooled: SpooledArticles) -> Boilerplate:
        return find_boilerplate(spooled.columns["body"], spooled.sites, self._config.boilerplate)

    def _count(self, spooled: SpooledArticles, boilerplate: Boilerplate) -> Counted:
        return count_articles(
            spooled,
            self._analyzer,
            asdict(self._config.fields),
            boilerplate,
            jobs=self._jobs,
            progress=partial(self._progress, "count"),
        )

    def _write(
        self, root: Path, spooled: SpooledArticles, counted: Counted, boilerplate: Boilerplate
    ) -> Manifest:
        langs = [spooled.langs[int(row)] for row in spooled.order]
        names = sorted(set(langs))
        place = {name: code for code, name in enumerate(names)}
        forms = display_forms(counted.vocabulary, counted.forms)
        local = local_forms(counted.forms, forms)
        # Articles with nothing to count have a language too, so the codes are those of ``names``.
        codes = np.array([place[lang] for lang in local.languages], np.uint8)
        corpus = Corpus(
            blocks=counted.blocks,
            vocabulary=counted.vocabulary,
            forms=forms,
            local_terms=local.terms,
            local_languages=codes[local.langs],
            local_forms=local.words,
            ids=spooled.columns["ids"].take(spooled.order),
            urls=spooled.columns["urls"].take(spooled.order),
            cards=spooled.columns["cards"].take(spooled.order),
            languages=np.array([place[lang] for lang in langs], np.uint8),
            published=spooled.published[spooled.order],
        )
        about = {
            "package": __version__,
            "analysis": self._analyzer.fingerprint,
            "settings": self._stored_settings(),
            "report": self._counters(langs),
            "boilerplate": tuple(
                {"text": text, "articles": int(n), "hash": f"{int(h):016x}"}
                for text, n, h in zip(
                    boilerplate.texts, boilerplate.counts, boilerplate.hashes, strict=True
                )
            ),
        }
        find = partial(self._neighbours, root / _NEIGHBOURS_SO_FAR)
        manifest = write_generation(
            root,
            corpus,
            weights=self._config.weights,
            about=about,
            languages=names,
            neighbours=find if self._config.search.neighbours else None,
            gate=partial(self._judge, root),
            keeping=self._config.generations,
        )
        shutil.rmtree(root / _NEIGHBOURS_SO_FAR, ignore_errors=True)
        return manifest

    def _judge(self, root: Path, index: Index) -> None:
        """Compare what is about to be published with the live generation; raise to refuse it."""
        limits, threshold = self._config.generations, self._config.block.threshold
        self._verdict = judge(root, index, limits, threshold=threshold)
        if self._verdict.is_refusal and not self._force:
            shutil.rmtree(root / _NEIGHBOURS_SO_FAR, ignore_errors=True)
            raise RejectedBuildError(self._verdict.refusal(root))

    def _neighbours(self, folder: Path, index: Index) -> NDArray[np.int32]:
        return all_neighbours(
            index,
            self._config.search,
            folder,
            jobs=self._jobs,
            progress=partial(self._progress, "neighbours"),
        )

    def _stored_settings(self) -> dict[str, Any]:
        """Return the settings a reader of the index must follow, or may want to know."""
        parts = {n: getattr(self._config, n) for n in ("text", "boilerplate", "fields", "search")}
        return {name: asdict(value) for name, value in parts.items()}

    def _counters(self, langs: Iterable[str]) -> dict[str, Any]:
        by_language = Counter(langs)
        kept = sum(by_language.values())
        replaced = self._rejections.notices.get(NoticeKind.REPLACED, 0)
        return {
            "read": kept + replaced + self._rejections.count,
            "kept": kept,
            "rejected": _plain(self._rejections.by_reason),
            "notices": _plain(self._rejections.notices),
            "languages": dict(sorted(by_language.items(), key=lambda item: (-item[1], item[0]))),
            "without_rules": {
                lang: n for lang, n in sorted(by_language.items()) if not self._analyzer.knows(lang)
            },
            "guessed": dict(sorted(self._guessed.items())),
            "forced": self._force,
        }

    def _report(self, root: Path, manifest: Manifest, spool: Spool) -> BuildReport:
        records = [*manifest.segments.values(), manifest.files]
        return BuildReport(
            model=str(root),
            generation=manifest.generation,
            terms=manifest.counts["terms"],
            postings=manifest.counts["postings"],
            boilerplate=len(manifest.boilerplate),
            text_bytes=spool.n_bytes,
            index_bytes=sum(r["bytes"] for files in records for r in files.values()),
            gate=self._verdict,
            seconds={step: round(taken, 3) for step, taken in self._seconds.items()},
            peak_memory_bytes=_peak_memory(),
            **manifest.report,
        )


def _plain(counter: Mapping[Any, int]) -> dict[str, int]:
    return {str(key): n for key, n in sorted(counter.items(), key=lambda item: str(item[0]))}


def _nothing_read(rejections: Rejections) -> str:
    if not rejections.count:
        return "The source holds no article. Expected a record with an id and a title or text."
    reasons = ", ".join(f"{n} {reason}" for reason, n in _plain(rejections.by_reason).items())
    examples = "; ".join(str(r) for r in rejections.samples[:3])
    return f"No usable article: {rejections.count} rejected ({reasons}). For example: {examples}"


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _remove_if_unused(root: Path) -> None:
    """Leave no empty folder behind a build that failed before it wrote anything."""
    if [p.name for p in root.iterdir()] == ["LOCK"]:
        shutil.rmtree(root, ignore_errors=True)


def _silent(step: str, done: int, total: int | None) -> None:
    pass
