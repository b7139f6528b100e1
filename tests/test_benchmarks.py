"""The engine benchmark: its generator is deterministic and realistic, its record is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import _ours, _report
from benchmarks._bank import Bank, make_bank
from benchmarks._prepared import exact
from benchmarks.corpora import ROOT, load
from benchmarks.engine import options
from benchmarks.generator import Generator
from benchmarks.peers import PEERS

SIZE = 2_000


@pytest.fixture(scope="module")
def bank() -> Bank:
    """The bundled corpus, cut into passages."""
    return make_bank(load("sample"), seed=7)


@pytest.fixture(scope="module")
def generated(bank: Bank) -> list[str]:
    """Two thousand articles."""
    return [text for shard in Generator(bank, SIZE, seed=7).shards() for text in shard.texts]


def test_generated_articles_depend_on_the_seed_alone(bank: Bank, generated: list[str]) -> None:
    """The same articles in shards of any size; others for another seed."""
    again = [text for shard in Generator(bank, SIZE).shards(size=300) for text in shard.texts]
    other = next(Generator(bank, SIZE, seed=8).shards()).texts

    assert generated == again
    assert generated[0] != other[0]


def test_generated_corpus_is_a_prefix_of_a_longer_one(bank: Bank, generated: list[str]) -> None:
    """So that growth is measured on corpora that grow."""
    few = [text for shard in Generator(bank, 500).shards() for text in shard.texts]

    assert generated[:500] == few


def test_generated_counts_are_those_of_the_generated_texts(
    bank: Bank, generated: list[str]
) -> None:
    """Counting without writing text gives what the analyzer counts (but for joined stems)."""
    direct = Generator(bank, SIZE).rows()
    counted = _ours.count(generated, bank.lang)

    assert direct.counts.sum() == pytest.approx(counted.counts.sum(), rel=0.01)
    assert len(direct.terms) == pytest.approx(len(counted.terms), rel=0.01)
    assert len(direct.vocabulary) == pytest.approx(len(counted.vocabulary), rel=0.05)


def test_generated_statistics_are_like_the_real_ones(bank: Bank) -> None:
    """Lengths, stories and the growth of the vocabulary."""
    generator = Generator(bank, SIZE)
    rows = generator.rows()
    real = _ours.count(load("sample").texts, "en")
    non_zeros, of_real = len(rows.terms) / SIZE, len(real.terms) / (len(real.indptr) - 1)
    half = len(np.unique(rows.terms[: rows.indptr[SIZE // 2]])) / len(rows.vocabulary)
    together = np.bincount(generator.stories)[generator.stories] > 1

    assert of_real == pytest.approx(non_zeros, rel=0.3)
    assert 0.62 <= half <= 0.80  # Heaps' exponent 0.3 to 0.7
    assert 0.6 <= together.mean() <= 0.8


def test_generated_dates_ascend(bank: Bank) -> None:
    """Articles come as they are published."""
    shards = list(Generator(bank, 500).shards(size=200))
    published = np.concatenate([shard.published for shard in shards])

    assert (np.diff(published) >= 0).all()
    assert [0, 200, 400] == [shard.first for shard in shards]


def test_our_matrix_holds_the_weights_that_our_search_ranks_by(generated: list[str]) -> None:
    """Peers search the same vectors: our exact ten are the product's ten."""
    engine = _ours.build(generated[:300], "en")
    matrix = engine.matrix()
    queries = np.arange(0, 300, 30, dtype=np.int32)
    tenth, _ = exact(matrix, queries)
    for i, doc in enumerate(queries):
        found = engine.search(int(doc), 10)
        scores = (matrix[found] @ matrix[doc].T).toarray().ravel()
        assert scores.min() == pytest.approx(tenth[i], abs=1e-6)


def test_texts_that_come_in_parts_make_the_same_index(bank: Bank, generated: list[str]) -> None:
    """What is built of a stream of texts, to tell how time grows, is what is built of a list."""
    shards = (shard.texts for shard in Generator(bank, SIZE).shards(size=300))
    streamed = _ours.build_columns(_ours.chunks_of(shards), bank.lang)
    whole = _ours.build(generated, bank.lang)

    assert streamed.n_docs == whole.n_docs == SIZE
    for ours, theirs in zip(
        (*streamed.segment.postings.arrays(), *streamed.segment.rows.arrays()),
        (*whole.segment.postings.arrays(), *whole.segment.rows.arrays()),
        strict=True,
    ):
        assert np.array_equal(ours, theirs)


def test_report_without_rows_says_that_nothing_is_there_yet() -> None:
    """A run of one group still prints its tables."""
    rows = _report.bars({"rows": [], "corpora": {}})

    assert {"not there yet"} == {measured for _, _, measured, _ in rows}


def test_options_read_sizes_with_units() -> None:
    """Sizes are written as people write them."""
    assert [10_000, 1_000_000] == options(["--sizes", "10k,1M"]).sizes


@pytest.mark.full
def test_quick_run_measures_every_contestant(tmp_path: Path) -> None:
    """``--quick`` runs on the bundled corpus; exact searches find the exact ten."""
    out = tmp_path / "engine.json"
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", "--quick", "--repeats", "1", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    record = json.loads(out.read_text(encoding="utf-8"))

    assert {"machine", "options", "rows", "bandwidth", "corpora"} == set(record)
    assert not [row for row in record["rows"] if "failed" in row]
    searches = [row for row in record["rows"] if row["group"] == "search"]
    assert set(PEERS) == {row["contestant"] for row in searches}
    exactly = [row["recall"] for row in searches if row["contestant"].startswith("ours, exact")]
    assert {1.0} == set(exactly)
    assert "| bar | goal | measured | moonshot |" in run.stdout
