"""The tables of the engine benchmark: bars, rows, corpora."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks import statistics

__all__ = ["bars", "progress", "report"]

Row = dict[str, Any]
NOTHING = "-"


def report(record: Row) -> str:
    """Return the whole report as Markdown."""
    found = record["machine"]
    lines = [
        f"Commit {found['commit']}, {found['processor']}, {found['cores']} cores, Python "
        f"{found['python']}, load {found['load_before']:.1f} at the start, sequential read "
        f"{record['bandwidth'] / 1e9:.1f} GB/s. "
        + ", ".join(f"{name} {number}" for name, number in found["versions"].items()),
        "",
        "| bar | goal | measured | moonshot |",
        "|---|---|---|---|",
        *(f"| {bar} | {goal} | {value} | {far} |" for bar, goal, value, far in bars(record)),
        "",
        rows_table(record),
        "",
        statistics.table({n: c["statistics"] for n, c in record["corpora"].items()}),
    ]
    return "\n".join(lines)


def progress(row: Row) -> str:
    """Return one line for a row that has just been measured."""
    place = f"{row['corpus']}: {row['group']}, {row['contestant']}"
    if "each" not in row:
        return f"{place}: {row.get('failed') or row.get('skipped') or 'done'}"
    spent = f" ({_time(row['processor_each'])} of processors)" if "processor_each" in row else ""
    return f"{place}: {_time(row['each'])} each{spent}, recall {_recall(row)}"


# --- rows ----------------------------------------------------------------------------------------


def rows_table(record: Row) -> str:
    """Return every row, with its ratio to ours in the same group and corpus."""
    head = [
        "| corpus | group | contestant | threads | articles timed | seconds: median (least-most) "
        "| each | ratio to us | recall | index | peak | ns a posting | of bandwidth |",
        "|" + "---|" * 13,
    ]
    return "\n".join(head + [_line(record, row) for row in record["rows"]])


def _line(record: Row, row: Row) -> str:
    place = f"| {row['corpus']} | {row['group']} | {row['contestant']} | {row['threads']} |"
    if "seconds" not in row:
        return f"{place} {row.get('failed') or row.get('skipped')} |" + " |" * 8
    taken = row["seconds"]
    cells = [
        f"{row['n']:,}",
        f"{taken['median']:.3g} ({taken['min']:.3g}-{taken['max']:.3g})",
        _time(row["each"]) if "each" in row else NOTHING,
        _ratio(row, _reference(record, row)),
        _recall(row),
        _bytes(row.get("index_bytes")),
        _bytes(row.get("peak_bytes")),
        f"{row['ns_per_posting']:.2f}" if "ns_per_posting" in row else NOTHING,
        f"{row['bytes_a_second'] / record['bandwidth']:.0%}"
        if "bytes_a_second" in row
        else NOTHING,
    ]
    return f"{place} {' | '.join(cells)} |"


def _reference(record: Row, row: Row) -> Row | None:
    name = {"search": "ours, exact", "all pairs": "ours, exact, batch"}.get(row["group"], "ours")
    return _find(record, row["corpus"], row["group"], name, limit=row.get("limit"))


def _find(record: Row, corpus: str, group: str, contestant: str, **more: Any) -> Row | None:
    place = (corpus, group, contestant)
    for row in record["rows"]:
        here = (row["corpus"], row["group"], row["contestant"]) == place and "each" in row
        if here and all(row.get(key) == value for key, value in more.items()):
            return dict(row)
    return None


def _ratio(row: Row, reference: Row | None) -> str:
    if reference is None or not row.get("each"):
        return NOTHING
    return f"{row['each'] / row.get('ours_beside', reference['each']):.2f}"


def _recall(row: Row) -> str:
    return f"{row['recall']:.3f}" if "recall" in row else NOTHING


def _time(each: float) -> str:
    return f"{each * 1e3:.3f} ms" if each >= 1e-4 else f"{each * 1e6:.2f} us"


def _bytes(number: int | None) -> str:
    return f"{number / 1e6:,.1f} MB" if number else NOTHING


# --- bars ----------------------------------------------------------------------------------------

SPARSE, LIKE_25 = "sparse_dot_topn, batch", "tantivy more_like_this, 25 terms"


def bars(record: Row) -> list[tuple[str, str, str, str]]:
    """Return each bar: what, its goal, what was measured on every corpus, how far one can dream."""
    many = ("all pairs",)
    return [
        (
            "texts to a searchable index, against `TfidfVectorizer.fit_transform` alone",
            "15x",
            _times(record, "build", "TfidfVectorizer", "ours", limit=30_000),
            "40x",
        ),
        (
            "the same against tantivy's indexing, one thread each",
            "5x",
            _times(record, "build", "tantivy", "ours", limit=30_000),
            "15x",
        ),
        (
            "exact top-10, single queries, against sparse_dot_topn in batch",
            "3x; 4x at 1M",
            _times(record, "search", SPARSE, "ours, exact"),
            "8x; 10x at 1M",
        ),
        (
            "exact top-10, single queries, against tantivy more_like_this, 25 terms",
            "faster",
            _times(record, "search", LIKE_25, "ours, exact", show_recall=True),
            "3x",
        ),
        (
            "fast mode against our exact, recall >= 0.99",
            "4x at 1M",
            _times(record, "search", "ours, exact", "ours, fast", show_recall=True),
            "15x",
        ),
        (
            "all pairs on all cores against sparse_dot_topn on all cores, exact",
            "5x at 100k",
            _times(record, *many, SPARSE, "ours, exact, batch"),
            NOTHING,
        ),
        (
            "the same at recall >= 0.99",
            NOTHING,
            _times(record, *many, SPARSE, "ours, fast, batch", show_recall=True),
            "40x at 100k",
        ),
        (
            "one article added until an exact search finds it",
            "300 ms at 1M",
            _medians(record, "adding", "ours"),
            "50 ms",
        ),
        (
            "memory of the build above the texts, bytes a non-zero",
            "12",
            _memory(record, "build", "ours, from Arrow"),
            "6",
        ),
        (
            "memory of serving above the mapped files, bytes a non-zero",
            "1",
            _memory(record, "serving", "ours"),
            "0.5",
        ),
        (
            "growth of the build's time an article",
            "1.5x",
            _growth(record, lambda row: row["each"], ("streamed", "ours"), ("counts", "ours")),
            "1x",
        ),
        (
            "growth of an exact query's time a posting",
            "1.5x",
            _growth(record, lambda row: row["ns_per_posting"], ("search", "ours, exact")),
            "1x",
        ),
    ]


def _times(
    record: Row, group: str, slow: str, quick: str, *, show_recall: bool = False, **more: Any
) -> str:
    """Return how many times quicker one is than the other, per corpus."""
    parts = []
    for corpus in record["corpora"]:
        one = _find(record, corpus, group, slow, **more)
        other = _find(record, corpus, group, quick, **more)
        if one is None or other is None:
            continue
        inexact = other if "fast" in quick else one
        noted = f" (recall {_recall(inexact)})" if show_recall else ""
        each = one.get("ours_beside", other["each"]) if quick == "ours, exact" else other["each"]
        if "processor_each" in one:
            times = one["processor_each"] / other["processor_each"]
            noted += f" (of processor time {times:.1f}x)"
        parts.append(f"{corpus} {one['each'] / each:.1f}x{noted}")
    return _joined(parts)


def _medians(record: Row, group: str, contestant: str) -> str:
    """Return the median of every corpus, and what of it is processor time."""
    return _joined(
        f"{row['corpus']} {_time(row['each'])} ({_time(row['processor_each'])} of processors)"
        for row in record["rows"]
        if (row["group"], row["contestant"]) == (group, contestant) and "each" in row
    )


def _memory(record: Row, group: str, contestant: str) -> str:
    """Return bytes a non-zero, and the articles that were built or asked for."""
    return _joined(
        f"{row['corpus']} ({row['n']:,}) {row['peak_bytes'] / row['non_zeros']:.1f}"
        for row in record["rows"]
        if (row["group"], row["contestant"]) == (group, contestant) and "peak_bytes" in row
    )


def _growth(record: Row, value: Callable[[Row], float], *places: tuple[str, str]) -> str:
    """Return the largest generated corpus's value as a multiple of the smallest one's."""
    parts = []
    for group, contestant in places:
        rows = {
            int(row["articles"]): row
            for row in record["rows"]
            if (row["group"], row["contestant"]) == (group, contestant)
            and row["corpus"].startswith("generated")
            and "each" in row
        }
        if len(rows) > 1:
            few, many = min(rows), max(rows)
            times = value(rows[many]) / value(rows[few])
            parts.append(f"{group}: {times:.2f}x from {few:,} to {many:,}")
    return _joined(parts)


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts) or "not there yet"
