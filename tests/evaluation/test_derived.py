"""Judgements that nobody wrote as such."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import recommender
from recommender import Recommender
from recommender.errors import InputError, SourceNotFoundError
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.derived import judgements_of, stories_of


@pytest.fixture(scope="module")
def catalog(news: Recommender) -> Catalog:
    """The articles of the bundled corpus."""
    return Catalog(news.index)


def test_back_references_are_the_links_of_the_corpus(catalog: Catalog, sample: Path) -> None:
    """Every link that editors put into the texts leads to its article."""
    found = judgements_of("back-references", catalog)
    urls = {}
    for line in (sample / "articles.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        urls[record["id"]] = record["url"], record["body"]
    checked = 0
    for query in found.queries:
        for other in found.truth(query):
            assert urls[other][0] in urls[query][1], (query, other)
            checked += 1

    assert (55, True) == (len(found.queries), checked >= 55)


def test_links_read_from_the_source_are_those_of_the_index(catalog: Catalog, sample: Path) -> None:
    """An index without links can be judged by its source."""
    stored = judgements_of("back-references", catalog)
    read = judgements_of("back-references", catalog, sample / "articles.jsonl")

    assert {q: stored.truth(q) for q in stored.queries} == {q: read.truth(q) for q in read.queries}


def test_sections_and_tags_are_weak_and_stay_in_a_language(catalog: Catalog) -> None:
    """Agreement of sections and of tags says that it is weak."""
    place = catalog.place
    for word in ("sections", "tags"):
        found = judgements_of(word, catalog)
        assert found.weak
        for query in found.queries:
            langs = {catalog.languages[place[other]] for other in found.truth(query)}
            assert langs <= {catalog.languages[place[query]]}


def test_field_of_the_source_makes_groups(catalog: Catalog, sample: Path) -> None:
    """Articles of one story belong together; "-" is no story."""
    found = judgements_of("field:story_id", catalog, sample / "stories.tsv")
    stories = stories_of(str(sample / "stories.tsv"), catalog)

    assert found.queries
    for query in found.queries:
        assert {stories[query]} == {stories[other] for other in found.truth(query)}
    assert "-" not in {story for own in stories.values() for story in own}


def test_field_kept_in_the_index_makes_groups(tmp_path: Path) -> None:
    """A column kept with extra_columns needs no source."""
    rows = [{"id": str(i), "title": f"Bridge {i}", "cluster": i // 2} for i in range(5)]
    config = recommender.load_config(None)[0]
    from dataclasses import replace

    config = replace(config, ingest=replace(config.ingest, extra_columns=("cluster",)))
    model = recommender.build(rows, tmp_path / "m", config=config)
    found = judgements_of("field:cluster", Catalog(model.index))

    assert {"0": ["1"], "1": ["0"], "2": ["3"], "3": ["2"]} == {
        query: [*found.truth(query)] for query in found.queries
    }


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("field:nothing", "No article has a field 'nothing'"),
        ("back-references", "No article refers back"),
        ("sections", "No article of the index has a section"),
        ("tags", "No article of the index has tags"),
    ],
)
def test_truth_that_is_not_there_is_refused(tmp_path: Path, word: str, why: str) -> None:
    """No links, no sections, no tags, no field: each is said."""
    model = recommender.build([{"id": "a", "title": "Bridge"}], tmp_path / "m")

    with pytest.raises(InputError, match=why):
        judgements_of(word, Catalog(model.index))


def test_word_that_is_neither_file_nor_rule_names_the_rules(catalog: Catalog) -> None:
    """A slip of the pen is told what there is."""
    with pytest.raises(SourceNotFoundError, match="back-references, sections, tags, field:NAME"):
        judgements_of("back-refs", catalog)
