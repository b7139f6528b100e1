"""Real and generated corpora side by side: what decides how much work a search is.

python -m benchmarks.statistics [--sizes 10k,30k] [--sets allsides_30k,...]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import _ours
from benchmarks._bank import make_bank
from benchmarks.corpora import available, load, source_name
from benchmarks.generator import Generator

__all__ = ["heading", "line", "of_matrix", "table"]

_PAIRS = 2_000
_QUERIES = 300
_COMMON = 0.12

COLUMNS = {
    "articles": "{:,.0f}",
    "terms": "{:,.0f}",
    "non-zeros an article": "{:.0f}",
    "shared terms a pair": "{:.1f}",
    "10th-best cosine": "{:.3f}",
    "its deciles 1, 9": "{}",
    "best cosine": "{:.3f}",
    "common terms": "{:.1f}",
    "their share of postings": "{:.0%}",
    "postings a query and article": "{:.1f}",
    "Heaps n/8, n/4, n/2": "{}",
}
"""Common terms: of an article, those that more than 12 % of the articles hold."""


def of_matrix(matrix: Any, *, seed: int = 1) -> dict[str, Any]:
    """Return the statistics of unit vectors (CSR), by name."""
    rng = np.random.default_rng(seed)
    n, n_terms = matrix.shape
    df = np.bincount(matrix.indices, minlength=n_terms)
    transposed = matrix.T.tocsr()
    queries = np.sort(rng.choice(n, min(n, _QUERIES), replace=False))
    tenth, best = _nearest(matrix, transposed, queries)
    common = df > _COMMON * n
    per_query = [int(df[matrix[q].indices].sum()) for q in queries]
    return {
        "articles": n,
        "terms": int((df > 0).sum()),
        "non-zeros an article": matrix.nnz / n,
        "shared terms a pair": _shared(matrix, rng),
        "10th-best cosine": float(np.median(tenth)),
        "its deciles 1, 9": ", ".join(f"{np.quantile(tenth, q):.2f}" for q in (0.1, 0.9)),
        "best cosine": float(np.median(best)),
        "common terms": float(df[common].sum() / n),
        "their share of postings": float(df[common].sum() / max(1, matrix.nnz)),
        "postings a query and article": float(np.mean(per_query)) / n,
        "Heaps n/8, n/4, n/2": ", ".join(f"{h:.2f}" for h in _heaps(matrix)),
    }


def _nearest(matrix: Any, transposed: Any, queries: Any) -> tuple[Any, Any]:
    """Return the 10th-best and the best cosine of each query."""
    tenth, best = [], []
    for q in queries:
        scores = (matrix[q] @ transposed).toarray().ravel()
        scores[q] = -1.0
        top = np.sort(np.partition(scores, max(0, len(scores) - 10))[-10:])
        tenth.append(top[0])
        best.append(top[-1])
    return np.array(tenth), np.array(best)


def _shared(matrix: Any, rng: np.random.Generator) -> float:
    """Return the mean number of terms that two random articles share."""
    pairs = rng.integers(0, matrix.shape[0], (_PAIRS, 2))
    one, other = matrix[pairs[:, 0]], matrix[pairs[:, 1]]
    one.data[:], other.data[:] = 1.0, 1.0
    return float(one.multiply(other).sum() / _PAIRS)


def _heaps(matrix: Any) -> list[float]:
    """Return the vocabulary of the first eighth, quarter and half as a share of the whole."""
    n = matrix.shape[0]
    sizes = [len(np.unique(matrix.indices[: matrix.indptr[n // part]])) for part in (8, 4, 2, 1)]
    return [size / max(1, sizes[-1]) for size in sizes[:-1]]


def heading() -> str:
    """Return the head of the table."""
    return f"| corpus | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}"


def line(name: str, values: Mapping[str, Any]) -> str:
    """Return one row of the table."""
    cells = (form.format(values[column]) for column, form in COLUMNS.items())
    return f"| {name} | {' | '.join(cells)} |"


def table(corpora: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the whole table."""
    return "\n".join([heading(), *(line(name, values) for name, values in corpora.items())])


def numbers(text: str) -> list[int]:
    """Return sizes from "10k,1M"."""
    units = {"k": 1_000, "M": 1_000_000}
    return [
        int(float(part.rstrip("kM")) * units.get(part[-1], 1)) for part in text.split(",") if part
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="10k,30k", type=numbers)
    parser.add_argument("--sets", default=",".join(available()))
    parser.add_argument("--source", default=source_name())
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    print(heading(), flush=True)
    for name in filter(None, options.sets.split(",")):
        texts = load(name, 50_000)
        print(line(name, of_matrix(_ours.build(texts.texts, texts.lang).matrix())), flush=True)
    start = time.perf_counter()
    bank = make_bank(load(options.source), seed=options.seed)
    print(f"(bank {time.perf_counter() - start:.1f} s, Heaps {bank.heaps})", flush=True)
    for n in options.sizes:
        start = time.perf_counter()
        rows = Generator(bank, n, seed=options.seed).rows()
        taken = time.perf_counter() - start
        matrix = _ours.from_rows(rows).matrix()
        print(line(f"generated, {n / taken:,.0f} a second", of_matrix(matrix)), flush=True)


if __name__ == "__main__":
    main()
