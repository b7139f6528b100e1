"""The judging kit: blind pools, files read back with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recommender import Recommender
from recommender.errors import InputError
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.judging import (
    Sheet,
    as_judgements,
    as_qrels,
    how_far_agreed,
    judging_page,
    pooled,
    read_marks,
    spread,
)
from recommender.evaluation.qrels import read_judgements
from recommender.evaluation.runs import Run, live_run


@pytest.fixture(scope="module")
def catalog(news: Recommender) -> Catalog:
    """The articles of the bundled corpus."""
    return Catalog(news.index)


def test_pool_holds_the_first_cards_of_every_run_shuffled(
    news: Recommender, catalog: Catalog
) -> None:
    """All of them, each once, in an order that a seed decides and no run betrays."""
    run = live_run(news, limit=8)
    turned = Run("turned", {query: items[::-1] for query, items in run.lists.items()})
    sheet = pooled([run, turned], catalog, n_queries=12, depth=3)

    assert len(sheet.asked) == 12
    for query, items in sheet.asked:
        wanted = {*run.lists[query][:3], *turned.lists[query][:3]}
        assert (wanted, len(wanted)) == ({*items}, len(items))
    assert any(list(items) != sorted(items) for _, items in sheet.asked)
    assert sheet == pooled([turned, run], catalog, n_queries=12, depth=3)
    assert sheet != pooled([run, turned], catalog, n_queries=12, depth=3, seed=1)
    assert sheet.id != pooled([run, turned], catalog, n_queries=12, depth=3, seed=1).id


def test_pool_of_named_articles_knows_them(news: Recommender, catalog: Catalog) -> None:
    """One is asked for by id; an unknown one is an error."""
    run = live_run(news, limit=3)

    assert "sc-en-0001" == pooled([run], catalog, queries=["sc-en-0001"]).asked[0][0]
    with pytest.raises(InputError, match="No article 'nobody'"):
        pooled([run], catalog, queries=["nobody"])
    with pytest.raises(InputError, match="nothing to judge"):
        pooled([Run("empty", {})], catalog)


def test_page_is_blind(news: Recommender, catalog: Catalog) -> None:
    """It names no run and no score, and has a place for every mark."""
    run = live_run(news, limit=4, name="the secret favourite")
    sheet = pooled([run], catalog, n_queries=3, depth=4)
    text = judging_page(sheet, catalog)

    assert "secret" not in text
    assert "score" not in text
    assert text.count("<fieldset") == sheet.n_pairs
    assert text.count('type="radio"') == 4 * sheet.n_pairs
    assert catalog.title(sheet.asked[0][0]).split()[0] in text


def saved(folder: Path, judge: str, marks: list[Any], sheet: str = "s") -> Path:
    """Write a file as the page saves it."""
    path = folder / f"{judge}-{sheet}.json"
    file = {
        "form": "recommender-marks",
        "version": 1,
        "sheet": sheet,
        "judge": judge,
        "marks": [{"query": q, "article": a, "grade": g} for q, a, g in marks],
    }
    path.write_text(json.dumps(file, indent=1), "utf-8")
    return path


def test_marks_of_several_judges_become_one_truth(tmp_path: Path) -> None:
    """The middle grade, the lower of two; qrels that can be read again."""
    files = [
        saved(tmp_path, "ann", [("q", "a", 3), ("q", "b", 0), ("p", "c", 2)]),
        saved(tmp_path, "bo", [("q", "a", 2), ("q", "b", 0)]),
        saved(tmp_path, "cy", [("q", "a", 3)]),
    ]
    found = read_marks(files)
    truth = as_judgements(found)

    assert (("ann", "bo", "cy"), 1) == (found.judges, found.sheets)
    assert {"a": 3, "b": 0} == truth.truth("q")
    assert {3: 2, 2: 2, 0: 2} == dict(spread(found))
    (tmp_path / "qrels").write_text(as_qrels(found), "utf-8")
    again = read_judgements(tmp_path / "qrels")
    assert {q: again.truth(q) for q in again.queries} == {q: truth.truth(q) for q in truth.queries}
    agreed = how_far_agreed(found)
    assert (2, 3, "") == (agreed.units, agreed.judges, agreed.why)


def test_one_judge_and_judges_without_overlap_have_no_agreement(tmp_path: Path) -> None:
    """A reason, no figure."""
    ann = saved(tmp_path, "ann", [("q", "a", 3)])
    bo = saved(tmp_path, "bo", [("q", "b", 1)])
    alone, apart = how_far_agreed(read_marks([ann])), how_far_agreed(read_marks([ann, bo]))

    assert (None, "one judge only: nobody to agree with") == (alone.alpha.mean, alone.why)
    assert (None, "no two judges marked the same pair") == (apart.alpha.mean, apart.why)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("nonsense", "is no file of marks"),
        ("[]", "is no file of marks"),
        ('{"form": "other"}', "is no file of marks"),
        ('{"form": "recommender-marks", "marks": []}', "does not say who judged"),
        ('{"form": "recommender-marks", "judge": "a"}', "has no list of marks"),
        ('{"form": "recommender-marks", "judge": "a", "marks": []}', "hold no mark"),
        ('{"form": "recommender-marks", "judge": "a", "marks": [7]}', "without query and article"),
        (
            '{"form": "recommender-marks", "judge": "a", "marks": '
            '[{"query": "q", "article": "b", "grade": 4}]}',
            "has the grade 4 for 'b'; expected 0 to 3",
        ),
        (
            '{"form": "recommender-marks", "judge": "a", "marks": '
            '[{"query": "q", "article": "b", "grade": true}]}',
            "has the grade True",
        ),
    ],
)
def test_file_that_is_none_of_ours_is_refused(tmp_path: Path, content: str, why: str) -> None:
    """What came by mail need not be what was sent."""
    path = tmp_path / "marks.json"
    path.write_text(content, "utf-8")

    with pytest.raises(InputError, match=why):
        read_marks([path])


def test_two_files_of_one_judge_are_refused(tmp_path: Path) -> None:
    """Of the same page; of two pages they are fine."""
    one = saved(tmp_path, "ann", [("q", "a", 3)])
    other = tmp_path / "copy.json"
    other.write_bytes(one.read_bytes())
    with pytest.raises(InputError, match="both by 'ann'"):
        read_marks([one, other])
    two = read_marks([one, saved(tmp_path, "ann", [("p", "a", 1)], sheet="t")])

    assert ((("ann",)), 2) == (two.judges, two.sheets)


def test_qrels_refuse_ids_they_cannot_hold(tmp_path: Path) -> None:
    """A blank in an id would shift the columns."""
    found = read_marks([saved(tmp_path, "ann", [("q 1", "a", 3)])])

    with pytest.raises(InputError, match="cannot hold the id 'q 1'"):
        as_qrels(found)


def test_sheet_without_anything_has_no_pairs() -> None:
    """Counting works from nothing."""
    assert 0 == Sheet(()).n_pairs
