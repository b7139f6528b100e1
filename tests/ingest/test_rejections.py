"""The collector counts, samples, writes the quarantine file and stops a hopeless run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recommender.errors import StorageError, TooManyRejectionsError
from recommender.ingest import NoticeKind, RejectionReason, Rejections


def test_rejections_are_counted_by_reason_and_sampled() -> None:
    """Counts are complete; samples stop at twenty."""
    found = Rejections()
    for line in range(30):
        found.add(RejectionReason.MISSING_ID, "none", file="a.jsonl", line=line)
    assert 30 == found.count == found.by_reason[RejectionReason.MISSING_ID]
    assert list(range(20)) == [sample.line for sample in found.samples]


def test_notice_counts_without_rejecting() -> None:
    """A repair is counted by kind with a few examples and is no rejection."""
    found = Rejections()
    for line in range(9):
        found.notice(NoticeKind.TEXT_CUT, "cut", file="a", line=line)
    assert (found.notices, found.count) == ({NoticeKind.TEXT_CUT: 9}, 0)
    assert found.notice_samples[NoticeKind.TEXT_CUT][:2] == ["a:0: cut", "a:1: cut"]
    assert len(found.notice_samples[NoticeKind.TEXT_CUT]) == 5


def test_rejections_past_the_limit_stop_with_reasons_and_examples() -> None:
    """The third error of two allowed raises, and the message can be acted upon."""
    found = Rejections(max_errors=2)
    found.add(RejectionReason.BROKEN_JSON, "no JSON", file="a.jsonl", line=3)
    found.add(RejectionReason.MISSING_ID, "no id", file="a.jsonl", line=4)
    with pytest.raises(TooManyRejectionsError) as caught:
        found.add(RejectionReason.MISSING_ID, "no id", file="a.jsonl", line=9)
    for part in ("3 records", "max_errors=2", "broken-json 1", "missing-id 2", "a.jsonl:3"):
        assert part in str(caught.value)


def test_rejections_with_limit_zero_stop_at_the_first() -> None:
    """Zero is a limit and not its absence."""
    with pytest.raises(TooManyRejectionsError):
        Rejections(max_errors=0).add(RejectionReason.MISSING_ID, "no id")


def test_quarantine_file_holds_each_record_with_its_reason(tmp_path: Path) -> None:
    """One JSON object a line: reason, place, id and the record as it came."""
    path = tmp_path / "quarantine.jsonl"
    path.write_text("of an earlier run\n")
    with Rejections(quarantine=path) as found:
        found.add(RejectionReason.BROKEN_JSON, "why", file="a", line=1, raw=b'{"id": \xff')
        found.add(RejectionReason.EMPTY_TEXT, "why", article_id="7", raw={"id": 7, "t": "\ud800"})
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    expected = {
        "reason": "broken-json",
        "detail": "why",
        "file": "a",
        "line": 1,
        "id": None,
        "raw": '{"id": \\xff',
    }
    assert [expected, "7"] == [rows[0], rows[1]["id"]]
    assert json.loads(rows[1]["raw"]) == {"id": 7, "t": "\ud800"}


def test_quarantine_without_rejections_is_an_empty_file(tmp_path: Path) -> None:
    """Entering replaces the file of an earlier run, so that no old fault is taken for a new one."""
    path = tmp_path / "quarantine.jsonl"
    path.write_text("of an earlier run\n")
    with Rejections(quarantine=path):
        pass
    assert path.read_text() == ""


def _circle() -> dict[str, Any]:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    return circle


@pytest.mark.parametrize("raw", ["x" * 10_000_000, {"body": "x" * 10_000_000}, _circle(), object()])
def test_quarantine_of_any_record_is_one_line_of_bounded_length(tmp_path: Path, raw: Any) -> None:
    """Neither a huge nor an unwritable record breaks the file or fills the disk."""
    path = tmp_path / "quarantine.jsonl"
    with Rejections(quarantine=path) as found:
        found.add(RejectionReason.TOO_LARGE, "why", raw=raw)
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["reason"] == "too-large"
    assert len(line) < 140_000


def test_quarantine_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The disk's refusal is our error with the path in it."""
    found = Rejections(quarantine=tmp_path / "absent" / "q.jsonl")
    with pytest.raises(StorageError, match=r"absent.*q\.jsonl"):
        found.add(RejectionReason.MISSING_ID, "no id")
