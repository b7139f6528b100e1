"""Recommender: for an article, a URL or a draft, the block of cards; and the way to the newest.

HTTP, export, notebooks and the command line all ask here, so the same question has the same answer
everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from recommender._languages import normalize_lang
from recommender.answers import PRESETS, Answers, Ask, Explanation
from recommender.article import Article, Block
from recommender.config import BlockSettings, Config
from recommender.errors import InputError, NotAnIndexError
from recommender.index.manifest import current
from recommender.index.reader import Index
from recommender.index.settings import SearchSettings

__all__ = ["PRESETS", "Ask", "Explanation", "Recommender"]


class Recommender:
    """Answers from one generation of an index, until ``refresh``. Safe to share between threads.

    And across ``fork``: a child keeps the generation that its parent had.

    Parameters
    ----------
    index : Index
    block : BlockSettings
        What a block is unless a call says otherwise.
    search : SearchSettings
        How hard a search looks unless a call says otherwise; None = as hard as the build did.
    """

    def __init__(
        self,
        index: Index,
        block: BlockSettings | None = None,
        search: SearchSettings | None = None,
    ) -> None:
        self._now = Answers(index, block, search)
        self._settings = block, search
        self._root: Path | None = None
        self._verify = True
        self._refreshing = Lock()

    @classmethod
    def open(
        cls,
        model: str | Path,
        *,
        config: Config | None = None,
        verify: bool = True,
        compiled: bool = True,
    ) -> Recommender:
        """Open the live generation of the index in folder ``model``.

        Parameters
        ----------
        config : settings of the block and the search
        verify : compare every file with its digest first
        compiled : load the compiled loops now, as a service wants it; False is for a process that
            asks one question, which an index with a table of neighbours answers without them

        Raises
        ------
        NotAnIndexError, DamagedIndexError, IncompatibleIndexError
        """
        if not Path(model).is_dir():
            raise NotAnIndexError(
                f"There is no index folder {model}. "
                f"Build one with: recommender build ARTICLES --model {model}"
            )
        index = Index.open(model, verify=verify, compiled=compiled)
        opened = cls(index, config.block, config.search) if config else cls(index)
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
                return False
            index = Index.open(
                self._root, verify=self._verify, compiled=before.compiled, like=before
            )
            self._now = Answers(index, *self._settings)
            return index.manifest.generation != before.manifest.generation

    # --- blocks ---

    def related(self, key: str, *, explain: bool = False, **options: Any) -> Block:
        """Return the block of an article of the index.

        Parameters
        ----------
        key : article id, or its URL in any spelling (scheme, www, tracking parameters do not
            matter)
        explain : give each card every shared term instead of the weightiest few
        **options : ``limit``, ``threshold``, ``languages``, ``preset``, ``exclude_ids``, and
            ``mode``, which is "auto", "exact" or "fast"

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

    def explain(self, key: str, other: str) -> Explanation:
        """Return why two articles are near: every shared term with its share of the score.

        Raises
        ------
        UnknownArticleError : either is not in the index
        """
        return self._now.explain(key, other)
