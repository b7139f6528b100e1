"""Recommender: for an article, a URL or a draft, the block of cards; and the way to the newest.

HTTP, export, notebooks and the command line all ask here, so the same question has the same answer
everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from time import time
from typing import Any

from recommender._languages import normalize_lang
from recommender._settings import seconds_of
from recommender.answers import Answers, Explanation, Verdict
from recommender.article import Article, Block, Card
from recommender.config import Config
from recommender.errors import InputError, NotAnIndexError
from recommender.index.manifest import current
from recommender.index.reader import Index
from recommender.ranking.popularity import Popularity, read_counts

__all__ = ["Explanation", "Recommender", "Verdict"]


class Recommender:
    """Answers from one generation of an index, until ``refresh``. Safe to share between threads.

    And across ``fork``: a child keeps the generation that its parent had.

    Parameters
    ----------
    index : Index
    config : settings of the block, its rules and the search; None = as the build searched, and the
        usual block
    popularity : counts of views or clicks, for the setting ``popularity``; None = those of the
        file that ``[popularity]`` names, read again by ``refresh``
    """

    def __init__(
        self, index: Index, config: Config | None = None, *, popularity: Popularity | None = None
    ) -> None:
        self._config, self._popularity = config, popularity
        self._counted: tuple[int, int] | None = None
        self._now = Answers(index, config, popularity=self._counts())
        self._root: Path | None = None
        self._verify = True
        self._refreshing = Lock()

    @classmethod
    def open(
        cls,
        model: str | Path,
        *,
        config: Config | None = None,
        popularity: Popularity | None = None,
        verify: bool = True,
        compiled: bool = True,
    ) -> Recommender:
        """Open the live generation of the index in folder ``model``.

        Parameters
        ----------
        config, popularity : as the class takes them
        verify : compare every file with its digest first
        compiled : load the compiled loops now, as a service wants it; False is for a process that
            asks one question, which an index with a table of neighbours answers without them

        Raises
        ------
        NotAnIndexError, DamagedIndexError, IncompatibleIndexError
        SourceNotFoundError, InputError : of the file of counts
        """
        if not Path(model).is_dir():
            raise NotAnIndexError(
                f"There is no index folder {model}. "
                f"Build one with: recommender build ARTICLES --model {model}"
            )
        index = Index.open(model, verify=verify, compiled=compiled)
        opened = cls(index, config, popularity=popularity)
        opened._root, opened._verify = Path(model), verify
        return opened

    # --- which generation ---

    @property
    def answers(self) -> Answers:
        """The generation in use: who asks it twice has the same answer, whatever is published."""
        return self._now

    @property
    def index(self) -> Index:
        """The index of the generation in use."""
        return self._now.index

    def refresh(self) -> bool:
        """Move to the live generation; return whether it is another than the one in use.

        Calls under way end with the generation that they began with, and none waits. Where the live
        one is damaged, the newest that is not is used, with a DegradedIndexWarning.

        Raises
        ------
        InputError : this was not opened from a folder
        NotAnIndexError, DamagedIndexError, IncompatibleIndexError : the generation in use stays
        """
        if self._root is None:
            raise InputError("This Recommender was made of an Index; open one to refresh it.")
        with self._refreshing:
            before = self._now.index
            if not before.degraded and current(self._root) == before.manifest.generation:
                self._count_anew()
                return False
            index = Index.open(
                self._root, verify=self._verify, compiled=before.compiled, like=before
            )
            self._now = Answers(index, self._config, popularity=self._counts(), like=self._now)
            return index.manifest.generation != before.manifest.generation

    def _count_anew(self) -> None:
        """Read the site's counts again where their file is another one by now."""
        settings = self._config.popularity if self._config else None
        if self._popularity is None and settings and settings.counts:
            stamp = _stamp(settings.counts)
            if stamp != self._counted:
                counts = self._counts()
                index = self._now.index
                self._now = Answers(index, self._config, popularity=counts, like=self._now)

    def _counts(self) -> Popularity | None:
        """Return the site's counts."""
        settings = self._config.popularity if self._config else None
        if self._popularity is not None or settings is None or not settings.counts:
            return self._popularity
        self._counted = _stamp(settings.counts)
        half_life = seconds_of(settings.half_life, "[popularity] half_life")
        return Popularity.of_rows(read_counts(settings.counts), now=time(), half_life=half_life)

    # --- blocks ---

    def related(self, key: str, *, explain: bool = False, **options: Any) -> Block:
        """Return the block of an article of the index.

        Parameters
        ----------
        key : article id, or its URL in any spelling (scheme, www, tracking parameters do not
            matter)
        explain : give each card every reason instead of the weightiest few, and the block what was
            removed, and why
        **options : any setting of the block (``limit``, ``threshold``, ``languages``, ``preset``,
            ``max_age``, ``diversity``, ...; see ``BlockSettings``); ``exclude_ids``; ``mode``,
            which is "auto", "exact" or "fast"; ``now``, the moment that the block is for; and
            ``twins``, to be told the same story in other languages

        Raises
        ------
        UnknownArticleError : neither an id nor a URL of the index
        InputError, ConfigError : an option that cannot be
        """
        return self._now.related(key, explain=explain, **options)

    def related_to_text(
        self,
        title: str = "",
        body: str = "",
        *,
        lead: str = "",
        lang: str | None = None,
        explain: bool = False,
        **options: Any,
    ) -> Block:
        """Return the block of a text that is not in the index: a draft. It touches no disk.

        Parameters
        ----------
        lang : ISO 639 code; None = found out from the text
        **options : as for :meth:`related`

        Raises
        ------
        InputError : the text is empty, or ``lang`` names no language
        """
        if lang and normalize_lang(lang) is None:
            raise InputError(f"lang is {lang!r}; expected a code such as uk, ru or en.")
        return self.related_to_article(
            {"title": title, "lead": lead, "body": body, "lang": lang}, explain=explain, **options
        )

    def related_to_article(
        self, article: Article | Mapping[str, Any], *, explain: bool = False, **options: Any
    ) -> Block:
        """Return the block of an article that need not be in the index."""
        return self._now.related_to_article(article, explain=explain, **options)

    def related_to_several(
        self, keys: Sequence[str], *, explain: bool = False, **options: Any
    ) -> Block:
        """Return one block for several articles: those of a page, or those that a reader has read.

        None of them is a card. Nothing is kept of the call.

        Parameters
        ----------
        keys : ids or URLs; those that no article has are told in ``missing_ids``
        **options : as for :meth:`related`

        Raises
        ------
        UnknownArticleError : none of them is in the index
        InputError : there are none
        """
        return self._now.related_to_several(keys, explain=explain, **options)

    def without_article(self, *, explain: bool = False, **options: Any) -> Block:
        """Return the block of a page that is no article: what the ladder of ``fallback`` has.

        Parameters
        ----------
        **options : as for :meth:`related`
        """
        return self._now.without_article(explain=explain, **options)

    def related_page(
        self,
        key: str,
        blocks: Mapping[str, Mapping[str, Any]],
        *,
        exclude_ids: Iterable[str] = (),
        explain: bool = False,
    ) -> dict[str, Block]:
        """Return several blocks for the page of one article, with no card twice.

        Parameters
        ----------
        key : article id or URL
        blocks : names of blocks, in the order in which they choose, to their options
        exclude_ids : what the page shows already

        Raises
        ------
        UnknownArticleError : neither an id nor a URL of the index
        InputError, ConfigError : an option that cannot be
        """
        return self._now.related_page(key, blocks, exclude_ids=exclude_ids, explain=explain)

    def story(self, key: str, **options: Any) -> tuple[str, list[Card]]:
        """Return the running story that an article belongs to: its id, and its articles in time.

        Parameters
        ----------
        **options : as for :meth:`related`; only ``same_story`` matters

        Raises
        ------
        UnknownArticleError : neither an id nor a URL of the index
        """
        return self._now.story(key, **options)

    def why_not(self, key: str, other: str, **options: Any) -> Verdict:
        """Return why one article is no card under another, or where it stands.

        Parameters
        ----------
        **options : as for :meth:`related`

        Raises
        ------
        UnknownArticleError : either is not in the index
        """
        return self._now.why_not(key, other, **options)

    def explain(self, key: str, other: str) -> Explanation:
        """Return why two articles are near: every shared term with its share of the score.

        Raises
        ------
        UnknownArticleError : either is not in the index
        """
        return self._now.explain(key, other)


def _stamp(path: str) -> tuple[int, int] | None:
    """Return what tells one version of a file from the next; None where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
