"""The texts that the engine benchmark runs on: real sets, the bundled corpus, generated ones."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["LANGUAGES", "ROOT", "Texts", "available", "load", "source_name"]

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = {
    "allsides_30k": "en",
    "twenty_newsgroups": "en",
    "fi_headlines_346k": "fi",
    "uk_news_misc": "uk",
    "ru_news_misc": "ru",
    "sample": "en",
}
"""The sets by name, and the language that each is counted as."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Articles as the benchmark sees them.

    Attributes
    ----------
    name, lang : str
    texts : list of str, title and body
    sections : list of str, "" = none
    """

    name: str
    lang: str
    texts: list[str]
    sections: list[str]

    def first(self, n: int) -> Texts:
        """Return the first ``n`` articles."""
        return Texts(self.name, self.lang, self.texts[:n], self.sections[:n])


def available() -> list[str]:
    """Return the names of the sets that are on this machine; "sample" always is."""
    return [name for name in LANGUAGES if name == "sample" or _file(name) is not None]


def source_name() -> str:
    """Return the set that generated corpora are recombined from."""
    return "allsides_30k" if _file("allsides_30k") else "sample"


def load(name: str, limit: int | None = None) -> Texts:
    """Return a set's articles in their order, the first ``limit`` of them."""
    path = _file(name)
    if path is None:
        raise FileNotFoundError(f"{name} is not in {_home()} (RECOMMENDER_EVALUATION_DATA)")
    records = _parquet(path, limit) if path.suffix == ".parquet" else _lines(path)
    lang = LANGUAGES[name]
    texts, sections = [], []
    for record in records:
        if name == "sample" and record["lang"] != lang:
            continue
        texts.append(_text(record))
        sections.append(str(record.get("section") or ""))
        if len(texts) == limit:
            break
    return Texts(name, lang, texts, sections)


def _text(record: Mapping[str, Any]) -> str:
    parts = (record.get(field) for field in ("title", "lead", "text", "body"))
    return "\n".join(part for part in parts if part)


def _home() -> Path:
    return Path(os.environ.get("RECOMMENDER_EVALUATION_DATA", ROOT.parent / "shared")) / "datasets"


def _file(name: str) -> Path | None:
    if name == "sample":
        return ROOT / "data" / "sample" / "articles.jsonl"
    places = (_home() / name / f"articles.{ending}" for ending in ("parquet", "jsonl.gz"))
    return next((place for place in places if place.is_file()), None)


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        yield json.loads(line)


def _parquet(path: Path, limit: int | None) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    wanted = {"title", "text", "section"}
    file = pq.ParquetFile(path)
    columns = [c for c in file.schema_arrow.names if c in wanted]
    table = file.read(columns=columns)
    rows: list[dict[str, Any]] = table.slice(0, limit).to_pylist()
    return rows
