"""Changing an index: after any edits it answers as one that was built of what is left."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.index.check import verify_index
from recommender.index.manifest import writer_lock
from recommender.index.merging import corpus_source, merge, segment_source
from recommender.index.part import Choice
from recommender.index.pool import Links
from recommender.index.reader import Index, Query
from recommender.index.settings import SearchSettings, UpdateSettings
from recommender.index.updater import Edit, kept_by_commit, kept_by_merge, rewrite
from recommender.index.writer import Corpus
from recommender.weighting import WeightSettings
from tests.index.making import ABOUT, corpus_of, index_of

LANGUAGES = ("en", "ru", "uk")
N_TERMS = 60
SEARCH = SearchSettings(neighbours=4)
WEIGHTS = [
    WeightSettings(),
    WeightSettings(max_df=0.5),
    WeightSettings(min_df=2),
    WeightSettings(smooth_idf=False),
    WeightSettings(sublinear_tf=False),
    WeightSettings(use_idf=False),
]


@dataclass(frozen=True)
class Doc:
    """An article as an index holds it."""

    row: Mapping[int, int]
    language: int
    published: int


def random_doc(rng: random.Random, newest: int) -> Doc:
    """Return a document; some are empty, undated, or share their time with others."""
    n = rng.choice([0, 1, 3, 8, 15])
    row = {min(N_TERMS - 1, int(rng.expovariate(0.08))): rng.randint(1, 4) for _ in range(n)}
    published = rng.choice([np.iinfo(np.int64).min, newest, newest // 2])
    return Doc(row, rng.randint(0, 2), int(published))


def corpus(docs: Mapping[str, Doc]) -> Corpus:
    """Return documents as a build would have them: by time, then id."""
    order = sorted(docs, key=lambda name: (docs[name].published, name.encode()))
    made = corpus_of([docs[name].row for name in order], n_terms=N_TERMS)
    return replace(
        made,
        ids=StringColumn.from_strings(order),
        urls=StringColumn.from_strings([f"site.example/{name}" for name in order]),
        languages=np.array([docs[name].language for name in order], np.uint8),
        published=np.array([docs[name].published for name in order], np.int64),
    )


def write(root: Path, docs: Mapping[str, Doc], weights: WeightSettings) -> Index:
    """Build an index of documents."""
    return index_of(root, corpus(docs), weights, search=SEARCH)


def answers(index: Index, choice: Choice | None = None) -> dict[str, list[tuple[str, float]]]:
    """Return what a search finds for every article: ids and scores, best first."""
    out = {}
    for doc in index.docs().tolist():
        found = index.search(index.query_of(doc), 10, choice=choice or Choice())
        names = [index.article_id(int(d)) for d in found.docs]
        out[index.article_id(doc)] = list(zip(names, found.scores.tolist(), strict=True))
    return out


class Script:
    """Random edits of an index, and what should be left of it."""

    def __init__(self, root: Path, seed: int, weights: WeightSettings) -> None:
        self.rng, self.root, self.weights = random.Random(seed), root, weights
        self.docs = {f"a{i}": random_doc(self.rng, i) for i in range(self.rng.randint(1, 25))}
        self.index = write(root, self.docs, weights)
        self.n = 100

    def step(self) -> None:
        """Add, replace and delete some, and merge any number of segments, in one commit."""
        rng = self.rng
        gone = set(rng.sample(sorted(self.docs), rng.randint(0, min(4, len(self.docs)))))
        replaced = set(rng.sample(sorted(gone), rng.randint(0, len(gone))))
        names = [f"a{self.n + i}" for i in range(rng.randint(0, 5))]
        self.n += len(names)
        new = {name: random_doc(rng, self.n) for name in [*names, *sorted(replaced)]}
        self.apply(new, gone, rng.randint(0, len(self.index.parts)))

    def apply(self, new: Mapping[str, Doc], gone: set[str], n_kept: int) -> None:
        """Commit an edit."""
        docs = [self.index.find_id(name) for name in gone]
        edit = Edit(
            corpus(new) if new else None, np.array(sorted(d for d in docs if d is not None), "i4")
        )
        with writer_lock(self.root):
            self.index = rewrite(
                self.root,
                self.index,
                edit,
                n_kept=n_kept,
                weights=self.weights,
                search=SEARCH,
                updates=UpdateSettings(last_segment=self.rng.choice([0, 10, 1000])),
                about={**ABOUT, "settings": self.index.manifest.settings},
                languages=LANGUAGES,
            )
        self.docs = {**{k: v for k, v in self.docs.items() if k not in gone}, **new}


@pytest.mark.parametrize("seed", range(12))
def test_any_edits_and_merges_answer_as_a_fresh_build(tmp_path: Path, seed: int) -> None:
    """Ids and scores of every search, bit for bit; and the index is sound."""
    play(tmp_path, seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 300))
def test_two_hundred_scripts_of_edits_answer_as_fresh_builds(tmp_path: Path, seed: int) -> None:
    """The same at length."""
    play(tmp_path, seed)


def play(tmp_path: Path, seed: int) -> None:
    """Play a script and compare after each of its steps."""
    script = Script(tmp_path / "a", seed, WEIGHTS[seed % len(WEIGHTS)])
    for step in range(script.rng.randint(2, 6)):
        script.step()
        compare(script, tmp_path / f"b{step}")


def compare(script: Script, beside: Path) -> None:
    """Compare an index with a fresh one of the same articles."""
    index = Index.open(script.root)
    assert not verify_index(script.root).problems
    assert index.n_articles == len(script.docs)
    if not script.docs:
        assert not len(index.docs())
        return
    fresh = write(beside, script.docs, script.weights)
    assert [index.article_id(d) for d in index.docs().tolist()] == [
        fresh.article_id(d) for d in fresh.docs().tolist()
    ]
    choices = [
        Choice(),
        Choice(languages=frozenset({1, 2})),
        Choice(since=script.n // 3),
        Choice(until=script.n // 2),
    ]
    for choice in choices:
        assert answers(index, choice) == answers(fresh, choice)
    assert rows(index) == rows(fresh)


def rows(index: Index) -> dict[str, list[tuple[str, float]]]:
    """Return what a search of all articles at once finds, each in its language."""
    docs = index.docs()
    found, scores = index.search_rows(docs, 5)
    name = index.article_id
    return {
        name(int(doc)): [
            (name(d), s) for d, s in zip(row.tolist(), marks.tolist(), strict=True) if d >= 0
        ]
        for doc, row, marks in zip(docs, found, scores, strict=True)
    }


def test_a_threshold_and_a_draft_of_words_of_several_segments(tmp_path: Path) -> None:
    """A draft meets the terms of each segment under the collection's numbers."""
    script = Script(tmp_path / "a", 7, WeightSettings())
    for _ in range(4):
        new = {f"n{script.n}": Doc({2: 1, N_TERMS - 1 - script.n % 7: 2}, 0, script.n)}
        script.n += 1
        script.apply(new, set(), len(script.index.parts))
    fresh = write(tmp_path / "b", script.docs, script.weights)
    words = StringColumn.from_strings(["t000002", f"t{N_TERMS - 3:06}", "unheard"])

    def ask(index: Index) -> list[tuple[str, float]]:
        numbers = index.term_numbers(words)
        known = np.sort(numbers[numbers >= 0])
        found = index.search(Query(known, np.ones(len(known), np.uint8)), 9, threshold=0.1)
        names = [index.article_id(int(doc)) for doc in found.docs]
        return list(zip(names, found.scores.tolist(), strict=True))

    assert len(script.index.parts) == 5
    assert ask(script.index) == ask(fresh)
    assert ask(fresh)


def test_article_that_shares_only_words_that_do_not_count_with_a_segment_finds_the_others(
    tmp_path: Path,
) -> None:
    """Found by the campaign against brute force: a search, and the commit, divided by zero."""
    script = Script(tmp_path / "a", 3, WeightSettings(max_df=0.5))
    old = {f"o{i}": Doc({0: 1, 5: 1 + i}, 0, i) for i in range(2)}
    script.apply(old, set(script.docs), 0)
    new = {f"n{i}": Doc({0: 1, 7: 1 + i}, 0, 9 + i) for i in range(2)}
    script.apply(new, set(), 1)

    assert len(script.index.parts) == 2
    found = answers(script.index)
    assert [["o1"], ["o0"], ["n1"], ["n0"]] == [
        [name for name, _ in found[key]] for key in ("o0", "o1", "n0", "n1")
    ]
    compare(script, tmp_path / "b")


# --- which segments a commit and a merge write anew ---


def sizes(tmp_path: Path, *steps: int) -> Index:
    """Return an index of segments of these many articles."""
    first, *others = steps
    script = Script(tmp_path, 3, WeightSettings())
    every = {f"s0-{i}": random_doc(script.rng, i) for i in range(first)}
    script.apply(every, set(script.docs), 0)
    for place, n in enumerate(others, 1):
        new = {f"s{place}-{i}": random_doc(script.rng, i) for i in range(n)}
        script.apply(new, set(), len(script.index.parts))
    return script.index


def test_commit_writes_a_small_last_segment_anew_and_leaves_the_others(tmp_path: Path) -> None:
    """So that many small commits do not make many segments."""
    index, rule = sizes(tmp_path, 30, 6), UpdateSettings(last_segment=10)

    assert kept_by_commit(index, 1, rule) == 1
    assert kept_by_commit(index, 4, rule) == 1
    assert kept_by_commit(index, 5, rule) == 2
    assert kept_by_commit(index, 0, rule) == 2  # nothing new: only tombstones
    assert kept_by_commit(index, 1, UpdateSettings(last_segment=100)) == 0


def test_merge_joins_segments_that_are_not_much_smaller_than_the_one_before(tmp_path: Path) -> None:
    """Sizes fall geometrically, so there are few."""
    index = sizes(tmp_path, 40, 9, 8)

    assert kept_by_merge(index, UpdateSettings(merge_factor=2)) == 1
    assert kept_by_merge(index, UpdateSettings(merge_factor=8)) == 0
    assert kept_by_merge(index, UpdateSettings(merge_factor=1)) == 3


def test_merge_rids_a_segment_of_which_most_is_gone(tmp_path: Path) -> None:
    """Tombstones cost room and time."""
    script = Script(tmp_path, 5, WeightSettings())
    script.apply({f"m{i}": random_doc(script.rng, i) for i in range(20)}, set(script.docs), 0)
    script.apply({}, {f"m{i}" for i in range(11)}, 1)

    assert kept_by_merge(script.index, UpdateSettings(merge_factor=1)) == 0


# --- neighbours ---


def pool_names(index: Index, name: str) -> set[str]:
    """Return the ids of an article's known neighbours that are not gone."""
    doc = index.find_id(name)
    assert doc is not None
    return {index.article_id(int(d)) for d in index.pool(doc) if not index.is_gone(int(d))}


def test_older_articles_link_to_a_new_one_within_the_same_commit(tmp_path: Path) -> None:
    """Yesterday's articles lead to today's follow-up; it leads to them."""
    script = Script(tmp_path, 11, WeightSettings())
    old = {f"o{i}": Doc({1: 1, 2: 1 + i % 3, 10 + i: 1}, 0, i) for i in range(20)}
    script.apply(old, set(script.docs), 0)
    script.apply({"new": Doc({1: 1, 2: 1, 10: 2}, 0, 99)}, set(), 1)
    index = Index.open(tmp_path)
    own = Choice(languages=frozenset({0}))

    assert len(index.parts) == 2
    assert len(pool_names(index, "new")) == SEARCH.neighbours
    linked = [name for name in old if "new" in pool_names(index, name)]
    assert linked
    for name in linked:
        doc = index.find_id(name)
        assert doc is not None
        best = index.related(doc, 3, choice=own, effort=SEARCH)
        exact = index.search(index.query_of(doc), 20, choice=own)
        scores = dict(zip(exact.docs.tolist(), exact.scores.tolist(), strict=True))
        assert [scores[d] for d in best.docs.tolist()] == best.scores.tolist()
    assert around_by_pools(index, index.docs(), 2) == index.around(index.docs(), 2).tolist()


def around_by_pools(index: Index, docs: NDArray[np.int32], most: int) -> list[int]:
    """Return documents and their pools, ascending."""
    found = {int(other) for doc in docs.tolist() for other in index.pool(doc, most)}
    return sorted({*docs.tolist(), *found})


@pytest.mark.parametrize("k", [1, 7, 100])
def test_latest_and_what_is_around_do_not_ask_in_how_many_segments_articles_lie(
    tmp_path: Path, k: int
) -> None:
    """Ties by id, undated ones last; of one segment they are read off its end."""
    script = Script(tmp_path / "several", 19, WeightSettings())
    for _ in range(3):
        script.step()
    whole = write(tmp_path / "one", script.docs, script.weights)
    several = script.index
    assert len(several.parts) > 1

    def names(index: Index) -> list[str]:
        return [index.article_id(int(doc)) for doc in index.latest(k)]

    assert names(whole) == names(several)
    for index in (whole, several):
        some = index.docs()[::3]
        assert around_by_pools(index, some, 2) == index.around(some, 2).tolist()


@pytest.mark.parametrize("seed", range(12))
def test_documents_of_several_segments_are_in_publishing_order(tmp_path: Path, seed: int) -> None:
    """As if all were sorted by time, then id: undated ones and ties between segments too."""
    script = Script(tmp_path, seed, WeightSettings())
    for _ in range(4):
        script.step()
        index = script.index
        docs = script.docs
        expected = sorted(docs, key=lambda name: (docs[name].published, name.encode()))

        assert expected == [index.article_id(doc) for doc in index.docs().tolist()]


def test_deleted_article_is_in_no_list_and_no_pool_serves_it(tmp_path: Path) -> None:
    """From the commit on; and where too few neighbours are left, others are searched for."""
    script = Script(tmp_path, 13, WeightSettings())
    docs = {f"o{i}": Doc({1: 1, 2: 1 + i % 3, 10 + i: 1}, 0, i) for i in range(12)}
    script.apply(docs, set(script.docs), 0)
    gone = {f"o{i}" for i in range(5)}
    script.apply({}, gone, 1)
    index = Index.open(tmp_path)

    found, _ = index.related_rows(index.docs(), 4, effort=SEARCH)
    names = {index.article_id(int(d)) for d in np.unique(found) if d >= 0}
    assert len(index.gone) == 5
    assert not names & gone
    assert (found[:, 3] >= 0).all()  # seven are left, so each has four


def test_table_after_a_complete_merge_is_what_a_build_finds(tmp_path: Path) -> None:
    """Links and tombstones are gone, and the table is fresh."""
    script = Script(tmp_path / "a", 17, WeightSettings())
    for _ in range(3):
        script.step()
    script.apply({}, set(), 0)
    fresh = write(tmp_path / "b", script.docs, script.weights)

    def lists(index: Index) -> list[list[str]]:
        table = np.asarray(index.parts[0].segment.neighbours).reshape(index.n_docs, -1)
        return [[index.article_id(d) for d in row[row >= 0].tolist()] for row in table]

    if script.index.is_fresh:
        assert lists(script.index) == lists(fresh)
    assert not len(script.index.links.docs)
    assert not len(script.index.gone)


def test_links_keep_each_pair_once_and_follow_new_numbers() -> None:
    """Pairs of documents that are no more are dropped."""
    links = Links.from_pairs(np.array([3, 1, 3, 3]), np.array([0, 2, 4, 0]))

    assert links.docs.tolist() == [1, 3]
    assert links.of(3).tolist() == [0, 4]
    assert links.of(2).tolist() == []
    moved = links.renumbered(np.array([5, 1, -1, 2, 0], np.int32))
    assert [part.tolist() for part in moved.pairs()] == [[2, 2], [0, 5]]


# --- statistics ---


def test_frozen_statistics_keep_the_score_of_two_articles(tmp_path: Path) -> None:
    """Whatever comes and goes; after a merge into one segment they are today's."""
    frozen = WeightSettings(statistics="frozen")
    script = Script(tmp_path / "a", 19, frozen)
    docs = {f"o{i}": Doc({1: 1, 2: 1 + i % 3, 10 + i % 5: 1}, 0, i) for i in range(12)}
    script.apply(docs, set(script.docs), 0)

    def score(index: Index) -> float:
        one, other = index.find_id("o0"), index.find_id("o5")
        assert one is not None
        assert other is not None
        return index.score(index.query_of(one), other)

    before = score(script.index)
    for i in range(3):
        script.apply({f"n{i}": Doc({1: 1, 11: 3, 40 + i: 1}, 0, 50 + i)}, {f"o{9 + i}"}, i + 1)
        assert score(Index.open(tmp_path / "a")) == before
        assert not verify_index(tmp_path / "a").problems
    script.apply({}, set(), 0)
    fresh = write(tmp_path / "b", script.docs, frozen)
    assert score(script.index) != before
    assert answers(script.index) == answers(fresh)


def test_lengths_are_found_afresh_where_a_rare_word_became_common(tmp_path: Path) -> None:
    """The margin of a scan stays narrow, and no document is lost to a stale length."""
    script = Script(tmp_path / "a", 23, WeightSettings())
    docs = {
        f"o{i:03}": Doc({i % 7: 1, 7 + i % 11: 2, 20 + i % 13: 1, 40 + i % 19: 1}, 0, i)
        for i in range(400)
    }
    script.apply(docs, set(script.docs), 0)
    new = {f"n{i}": Doc({59: 2, 40 + i % 2: 3}, 0, 500 + i) for i in range(30)}
    script.apply(new, set(), 1)
    part = script.index.parts[0]
    lengths = part.statistics

    assert not part.lengths_are_true
    assert 0.8 < lengths.drift < 1.0
    true = part.norms(np.arange(400, dtype=np.int32))
    ratio = lengths.inverse_norms.astype(np.float64) * true
    assert ratio.min() / ratio.max() >= lengths.drift * (1 - 1e-6)
    assert true.max() <= lengths.longest
    compare(script, tmp_path / "b")


# --- merging ---


def test_merge_of_segments_gives_the_corpus_that_counting_would(tmp_path: Path) -> None:
    """In document order, without words that nobody uses any more."""
    rng = random.Random(29)
    docs = {f"a{i}": random_doc(rng, i) for i in range(30)}
    halves: list[dict[str, Any]] = [
        {k: v for i, (k, v) in enumerate(docs.items()) if i % 2 == half} for half in (0, 1)
    ]
    first = write(tmp_path / "a", halves[0], WeightSettings()).parts[0].segment
    every = np.arange(first.n_docs, dtype=np.int32)
    merged, order = merge([segment_source(first, every), corpus_source(corpus(halves[1]))])

    assert list(merged.ids) == list(corpus(docs).ids)
    assert sorted(order.tolist()) == list(range(30))
    assert set(merged.vocabulary) == {f"t{t:06}" for doc in docs.values() for t in doc.row}
    assert list(merged.forms) == [f"T{word[1:]}" for word in merged.vocabulary]
