"""Popularity: counts of views or clicks, decayed and smoothed, as what a score is multiplied by."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.errors import ConfigError, InputError, SourceNotFoundError
from recommender.ranking.values import moment_of

__all__ = ["Popularity", "popularity_factors", "read_counts", "usual_count"]


_MOST = 1e15  # nobody has more readers, and sums stay far from infinity


@dataclass(frozen=True, slots=True)
class Popularity:
    """Counts by article id.

    Attributes
    ----------
    counts : mapping of article id to count, decayed, 0 or more
    """

    counts: Mapping[str, float]

    @classmethod
    def of_rows(
        cls, rows: Iterable[tuple[str, float, float | None]], *, now: float, half_life: float
    ) -> Popularity:
        """Add up rows of id, count and moment (None = now), each worth less the older it is.

        Counts of the future are worth what those of now are.
        """
        totals: dict[str, float] = {}
        for key, count, at in rows:
            age = max(0.0, now - at) if at is not None and half_life else 0.0
            totals[key] = totals.get(key, 0.0) + count * 0.5 ** (age / half_life if age else 0.0)
        return cls(totals)


def read_counts(path: str | Path) -> list[tuple[str, float, float | None]]:
    """Read a table of counts: rows of id, count and moment.

    Raises
    ------
    SourceNotFoundError : there is no such file
    InputError : it lacks the columns, or a row makes no sense; the message names the line
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceNotFoundError(f"Cannot read the counts {path}: {error}.") from error
    lines = text.splitlines()
    head = lines[0] if lines else ""
    table = csv.DictReader(lines, delimiter="\t" if "\t" in head else ",")
    if not {"id", "count"} <= set(table.fieldnames or ()):
        raise InputError(
            f"{path} has the columns {', '.join(table.fieldnames or ()) or 'none'}; "
            "expected id and count, and perhaps at."
        )
    try:
        return [_row(row, f"{path}, line {table.line_num}") for row in table]
    except csv.Error as error:
        where = f"{path}, line {table.line_num + 1}"
        raise InputError(f"{where} is no row of a table: {error}.") from error


def _row(row: Mapping[str, str | None], where: str) -> tuple[str, float, float | None]:
    try:
        count = float(row["count"] or "")
    except ValueError:
        count = -1.0
    if not 0.0 <= count <= _MOST:
        shown = (row["count"] or "")[:60]
        raise InputError(
            f"{where}: count is {shown!r}; expected a number, 0 or more, up to {_MOST:g}."
        )
    stated = (row.get("at") or "").strip()
    at = moment_of(stated) if stated else None
    if stated and at is None:
        raise InputError(f"{where}: at is {stated!r}; expected a day or a moment: 2026-11-30.")
    return (row["id"] or "").strip(), count, at


def usual_count(counts: NDArray[np.float64]) -> float:
    """Return the mean count of the articles that have any; 1 where none has."""
    read = counts[counts > 0.0]
    return float(read.mean()) if len(read) else 1.0


def popularity_factors(
    counts: NDArray[np.float64], weight: float, usual: float
) -> NDArray[np.float64]:
    """Return what scores are multiplied by: ``1 - weight`` for no reader, towards 1 for many.

    ``1 - weight + weight * count / (count + usual)``: an article with the usual number of readers
    stands in the middle, and no number of readers lifts one by more than the weight.

    Parameters
    ----------
    counts : (n,) float64, of the articles that are asked for
    usual : what ``usual_count`` says of all articles
    """
    if not 0.0 <= weight <= 1.0:
        raise ConfigError(f"popularity is {weight!r}; expected a number between 0 and 1.")
    return 1.0 - weight + weight * counts / (counts + usual)
