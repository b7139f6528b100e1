"""Packed and damaged files: what came before is kept, bombs are stopped, memory bounded."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import InputError
from recommender.ingest import (
    IngestSettings,
    NoticeKind,
    RejectionReason,
    Rejections,
    read_articles,
)

LINES = "".join(json.dumps({"id": i, "title": f"Новина {i * 7919}"}) + "\n" for i in range(2_000))


def _read(path: Path, **settings: Any) -> tuple[list[str], Rejections]:
    found = Rejections()
    articles = read_articles(
        path, settings=IngestSettings(clean=False, **settings), rejections=found
    )
    return [article.id for article in articles], found


def _ids(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def test_gz_of_several_members_is_read_whole(tmp_path: Path) -> None:
    """Files joined with cat, padded with zeros, are one stream."""
    half = LINES.index("\n", len(LINES) // 2) + 1
    parts = [gzip.compress(part.encode()) for part in (LINES[:half], "", LINES[half:])]
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(parts) + b"\0" * 512)
    ids, found = _read(tmp_path / "a.jsonl.gz")
    assert (ids, found.count, found.notices) == (_ids(2_000), 0, {})


@pytest.mark.parametrize("kind", ["jsonl", "csv", "json"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.99])
def test_gz_cut_off_keeps_what_came_before(tmp_path: Path, kind: str, share: float) -> None:
    """Every whole record before the cut is kept; the cut is one rejection naming the file."""
    text = LINES
    if kind == "csv":
        text = "id,title\n" + "".join(f'{i},"Новина {i * 7919}\n."\n' for i in range(2_000))
    if kind == "json":
        text = "[" + ",".join(LINES.splitlines()) + "]"
    data = gzip.compress(text.encode())
    path = tmp_path / f"a.{kind}.gz"
    path.write_bytes(data[: int(len(data) * share)])
    kept = zlib.decompressobj(wbits=31).decompress(path.read_bytes())
    ids, found = _read(path)
    whole = kept.count(b"}") if kind != "csv" else max(kept.count(b'."\n'), 0)
    assert (ids, found.by_reason) == (_ids(whole), {RejectionReason.CUT_OFF: 1})
    assert found.samples[0].file == str(path)


def test_gz_with_a_flipped_bit_is_reported(tmp_path: Path) -> None:
    """Damage inside the data ends the file with a rejection, not an error."""
    data = bytearray(gzip.compress(LINES.encode()))
    data[-6] ^= 1
    (tmp_path / "a.jsonl.gz").write_bytes(data)
    ids, found = _read(tmp_path / "a.jsonl.gz")
    assert found.by_reason == {RejectionReason.CUT_OFF: 1}
    assert ids == _ids(len(ids))
    assert len(ids) == 2_000


def test_gz_with_rubbish_behind_is_read_with_a_notice(tmp_path: Path) -> None:
    """Bytes behind the end lose nothing."""
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINES.encode()) + b"rubbish")
    ids, found = _read(tmp_path / "a.jsonl.gz")
    assert (ids, found.notices) == (_ids(2_000), {NoticeKind.TRAILING_BYTES: 1})


def _bomb(path: Path, megabytes: int) -> None:
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(LINES.encode())
        for _ in range(megabytes):
            file.write(b" " * 2**20)


@pytest.mark.parametrize(
    "limits", [{}, {"max_decompressed_bytes": 5 * 2**20, "max_decompressed_ratio": 1e9}]
)
def test_gz_bomb_is_stopped_in_bounded_memory(tmp_path: Path, limits: dict[str, Any]) -> None:
    """A small file that unpacks without end is given up at the limit; what came first is kept."""
    path = tmp_path / "a.jsonl.gz"
    _bomb(path, 80)
    tracemalloc.start()
    ids, found = _read(path, **limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ids == _ids(2_000)
    assert found.by_reason[RejectionReason.DECOMPRESSION_LIMIT] == 1
    assert path.stat().st_size < 2**20
    assert peak < 40 * 2**20


def test_gz_that_packs_well_but_is_small_is_no_bomb(tmp_path: Path) -> None:
    """The ratio is looked at only once there is much."""
    _bomb(tmp_path / "a.jsonl.gz", 3)
    ids, found = _read(tmp_path / "a.jsonl.gz")
    assert (ids, found.count) == (_ids(2_000), 0)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_suffix_gz_does_not_decide_about_packing(tmp_path: Path, name: str) -> None:
    """Packed or not is seen in the bytes, whatever the name says."""
    data = LINES.encode()
    (tmp_path / name).write_bytes(data if name.endswith("gz") else gzip.compress(data))
    assert _read(tmp_path / name)[0] == _ids(2_000)


@given(st.data())
def test_damaged_gz_never_fails_otherwise(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any byte changed and any cut give a beginning of the articles and at most counted faults."""
    packed = bytearray(gzip.compress(LINES[:5_000].encode()))
    at = data.draw(st.integers(10, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("gz") / "a.jsonl.gz"
    path.write_bytes(packed[: data.draw(st.integers(at, len(packed)))])
    try:
        ids, found = _read(path)
    except InputError:
        return  # the damage is in the first bytes: nothing that unpacks looks like JSON
    assert ids == _ids(len(ids)) or found.count
