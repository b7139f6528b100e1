"""What must hold before a generation is used: its manifest lists all, its arrays fit each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.errors import DamagedIndexError
from recommender.index.manifest import Manifest
from recommender.index.pool import Links
from recommender.index.segment import ARRAY_TYPES, Segment
from recommender.index.settings import SearchSettings
from recommender.weighting import WeightSettings

__all__ = ["GENERATION_TYPES", "check_arrays", "check_listed", "check_segment", "numbers_of"]

GENERATION_TYPES = {
    "df": "int32",
    "numbers": "int32",
    "gone": "int32",
    **{f"links.{name}": dtype for name, dtype in Links.TYPES.items()},
}
"""What a generation consists of besides its segments: as ``segment.ARRAY_TYPES``."""

_MOST_LANGUAGES = 256
"""A document's language is a byte."""


def check_listed(manifest: Manifest, folder: Path) -> WeightSettings:
    """Return the weights, or raise DamagedIndexError where the manifest lacks what it needs."""
    place = folder / "manifest.json"
    try:
        weights = WeightSettings(**manifest.settings["weights"])
        SearchSettings(**manifest.settings.get("search", {}))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DamagedIndexError(f"{place} lacks what an index needs: {error}") from error
    if len(manifest.languages) > _MOST_LANGUAGES:
        raise DamagedIndexError(
            f"{place} names {len(manifest.languages):,} languages; a byte tells {_MOST_LANGUAGES}."
        )
    if not manifest.order or sorted(manifest.order) != sorted(manifest.segments):
        raise DamagedIndexError(f"{place} names its segments in no order.")
    listed = [(manifest.files, GENERATION_TYPES)]
    listed += [(manifest.segments[name], ARRAY_TYPES) for name in manifest.order]
    for files, arrays in listed:
        for name in arrays:
            if f"{name}.npy" not in files:
                raise DamagedIndexError(f"{place} does not list {name}.npy.")
    return weights


def numbers_of(
    segments: Sequence[Segment], stored: NDArray[np.int32], folder: Path
) -> list[NDArray[np.int32]]:
    """Cut the stored numbers of terms by segment; the first segment's are as it says itself."""
    sizes = [segment.n_terms for segment in segments]
    if len(stored) != sum(sizes[1:]):
        raise DamagedIndexError(
            f"{folder / 'numbers.npy'} holds {len(stored):,} numbers; expected {sum(sizes[1:]):,}."
        )
    rest = np.split(stored, np.cumsum(sizes[1:]))[:-1]
    return [np.arange(sizes[0], dtype=np.int32), *rest]


def check_arrays(
    folder: Path, segments: Sequence[Segment], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Raise DamagedIndexError for numbers that the loops must not be given."""
    df, gone, numbers = arrays["df"], arrays["gone"], arrays["numbers"]
    n_docs = sum(segment.n_docs for segment in segments)
    n_terms = max(segments[0].n_terms, int(numbers.max(initial=-1)) + 1)
    if len(df) != n_terms or (len(df) and not 0 <= df.min() <= df.max() <= n_docs):
        raise DamagedIndexError(
            f"{folder / 'df.npy'} counts other terms than there are, more articles, or fewer than "
            "none."
        )
    if len(numbers) and numbers.min() < 0:
        raise DamagedIndexError(f"{folder / 'numbers.npy'} holds a number below 0.")
    if len(gone) and not (0 <= gone[0] <= gone[-1] < n_docs and np.all(np.diff(gone) > 0)):
        raise DamagedIndexError(f"{folder / 'gone.npy'} names documents that there are not.")


def check_segment(folder: Path, segment: Segment) -> None:
    """Raise DamagedIndexError for what a segment says of the collection, where it cannot be."""
    for name, size in (("norms", segment.n_docs), ("idf_squared", segment.n_terms)):
        values = getattr(segment, name)
        if len(values) != size or not (np.isfinite(values).all() and (values >= 0).all()):
            raise DamagedIndexError(
                f"{folder / name}.npy holds what cannot be: {len(values):,} numbers for {size:,}, "
                "or one that is below 0 or infinite."
            )
    if len(segment.neighbours) % max(1, segment.n_docs):
        raise DamagedIndexError(
            f"{folder / 'neighbours.npy'} holds {len(segment.neighbours):,} numbers, not as many "
            f"for each of {segment.n_docs:,} articles."
        )
