"""Judgements out of files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from recommender.errors import InputError, SourceNotFoundError
from recommender.evaluation.judgements import check_some, from_groups, from_pairs
from recommender.evaluation.qrels import read_judgements

WANTED = {"a": {"b": 2, "c": 0}, "d": {"a": 1}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trec.txt", "a 0 b 2\na 0 c 0\nd 0 a 1\n"),
        ("tabs.qrels", "a\t0\tb\t2\n\na\t0\tc\t-1\nd\t0\ta\t1\n"),
        ("pairs.tsv", "id\tother\tgrade\na\tb\t2\na\tc\t0\nd\ta\t1\n"),
        ("pairs.csv", "article_id,other_id,relation,grade\na,b,x,2\na,c,x,0\nd,a,x,1\n"),
        ("semi.csv", "query_id;doc_id;relevance\na;b;2\na;c;0.0\nd;a;\n"),
        ("bom.csv", "\ufeffID,Other,Grade\r\na,b,2\r\na,c,0\r\nd,a,1\r\n"),
        (
            "pairs.jsonl",
            '{"id": "a", "other": "b", "grade": 2}\n{"id": "a", "other": "c", "grade": 0}\n'
            '{"id": "d", "other": "a"}\n',
        ),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_judgements_of_every_form_are_the_same(
    tmp_path: Path, name: str, text: str, packed: bool
) -> None:
    """Qrels, TSV, CSV and JSON lines, packed or not; a missing grade is 1."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    found = read_judgements(path)

    assert ("a", "d") == found.queries
    assert {q: {o: max(0, g) for o, g in found.truth(q).items()} for q in "ad"} == WANTED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("id,other,grade\n", "holds no judgement"),
        ("a 0 b 2\na 0 c\n", "Line 2 of .* has 3 columns; qrels have 4"),
        (
            "a 0 b 2\na 0 c 99\n",
            "Line 2 of .* has the grade '99'; expected a whole number from -10",
        ),
        ("id,other,grade\na,b,-11\n", "Line 2 of .* has the grade '-11'"),
        ("id,other,grade\na,b,0.5\n", "Line 2 of .* has the grade '0.5'"),
        ("id,other,grade\na,b,nan\n", "Line 2 of .* has the grade 'nan'"),
        ("id,other,grade\na,b,good\n", "Line 2 of .* has the grade 'good'"),
        ("id,other\na,b,3,4\n", "Line 2 of .* has 4 columns; expected 2"),
        ("x,y\na,b\n", "Line 2 of .* names no pair"),
        ('{"id": "a", "other": "b"}\n{"id": ', "Line 2 of .* is no JSON"),
        ('{"id": "a", "other": "b"}\n[1]', "Line 2 of .* holds a JSON list"),
    ],
)
def test_file_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, text: str, why: str
) -> None:
    """What is wrong, where, and what was expected."""
    path = tmp_path / "j"
    path.write_text(text, "utf-8")

    with pytest.raises(InputError, match=why):
        read_judgements(path)


def test_file_that_is_no_text_or_not_there_is_told_apart(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, a cut gzip file, no file."""
    path = tmp_path / "j"
    path.write_bytes(b"a 0 b 1\n\xff\xfe\xfa")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_judgements(path)
    path.write_bytes(gzip.compress(b"a 0 b 1\n" * 100)[:-9])
    with pytest.raises(InputError, match="damaged gzip"):
        read_judgements(path)
    with pytest.raises(SourceNotFoundError, match="Cannot read"):
        read_judgements(tmp_path / "none")


def test_pairs_judged_twice_and_of_themselves_are_counted(tmp_path: Path) -> None:
    """The higher grade holds; nobody is relevant to himself."""
    path = tmp_path / "j"
    path.write_text("a 0 b 1\na 0 b 3\na 0 a 1\n", "utf-8")
    found = read_judgements(path)

    assert {"b": 3} == found.truth("a")
    assert [1, 1] == list(found.notices.values())


def test_unknown_ids_are_left_out_and_counted() -> None:
    """Queries and articles apart; a query whose relevant ones are all unknown is none."""
    found = from_pairs("j", {"a": {"b": 1, "x": 1, "y": 2}, "z": {"a": 1}, "c": {"x": 1}})
    known = found.known(["a", "b", "c"])

    assert (("a",), {"b": 1}) == (known.queries, known.truth("a"))
    assert {
        "queries that are no article of the index": 1,
        "judgements that name no article of the index": 3,
        "queries left without any relevant article": 1,
    } == dict(known.notices)


def test_nothing_left_is_refused_with_what_was_left_out() -> None:
    """An empty split says why it is empty."""
    found = from_pairs("night.qrels", {"z": {"a": 1}}).known(["a", "b"])

    with pytest.raises(InputError, match=r"night\.qrels.*1 queries that are no article"):
        check_some(found)


def test_groups_judge_each_other_and_nobody_alone() -> None:
    """Who shares a label belongs together; one label or several."""
    found = from_groups("g", {"a": ["x"], "b": ["x", "y"], "c": ["y"], "d": ["z"]})

    assert ("a", "b", "c") == found.queries
    assert {"a": 1, "c": 1} == found.truth("b")
    assert {} == found.truth("d")


def test_weak_groups_are_sampled_evenly_and_the_same_each_time() -> None:
    """A rough truth is not made finer by asking all; the sample is told."""
    labels = {f"a{i}": ["x"] for i in range(3000)}
    one, other = (from_groups("g", labels, weak="rough") for _ in range(2))

    assert len(one.queries) == 2000
    assert one.queries == other.queries
    assert [1000] == list(one.notices.values())
    assert len(from_groups("g", labels).queries) == 3000


def test_marks_saved_by_the_judging_page_are_no_qrels(tmp_path: Path) -> None:
    """They are read by another command; here they are refused, not misread."""
    path = tmp_path / "marks.json"
    path.write_text(json.dumps({"form": "recommender-marks", "marks": []}), "utf-8")

    with pytest.raises(InputError, match="names no pair"):
        read_judgements(path)
