"""Sound inputs, damaged at random: nothing but the package's own errors comes out, and soon."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from recommender import build_index
from recommender.config import load_config
from recommender.errors import RecommenderError
from recommender.ingest import Rejections, read_articles

SECONDS = 5
CASES = 306
CASES_FULL = 10_008
BUILT_EVERY = 6

ROWS = [
    {
        "id": "uk-1",
        "url": "https://news.example/uk/1?utm_source=x",
        "lang": "uk",
        "title": "Міст через Остру закрито на ремонт",
        "lead": "Вантажівкам рух заборонено.",
        "body": "На опорі знайшли тріщину.\n\nЧитайте також: [Ремонт](https://news.example/uk/2)",
        "published_at": "2026-03-04T09:20:00+02:00",
        "tags": "мости, дороги",
    },
    {
        "id": "ru-1",
        "url": "https://news.example/ru/1",
        "lang": "ru",
        "title": "Мост через Остру закрыт на ремонт",
        "lead": "Грузовикам «проезд» запрещён.",
        "body": "На опоре нашли трещину, сказал мэр.\nРаботы продлятся до осени.",
        "published_at": "4 марта 2026 г., 10:05",
        "tags": "мосты",
    },
    {
        "id": "en-1",
        "url": "https://news.example/en/1",
        "lang": "en",
        "title": 'Bridge over the Ostra closed, "steel is tired"',
        "lead": "Lorries are <b>banned</b> &amp; sent upstream 😀.",
        "body": "A crack was found in a girder.\r\nIt will be watched.",
        "published_at": "1772582400",
        "tags": "bridges;roads",
    },
]
PAGE = """<!DOCTYPE html><html lang="uk"><head><meta charset="utf-8"><title>Міст закрито</title>
<link rel="canonical" href="https://news.example/uk/9">
<script type="application/ld+json">{"@type":"NewsArticle","headline":"Міст закрито",
"datePublished":"2026-03-04","author":{"name":"Тарас"}}</script></head><body><article>
<h1>Міст закрито</h1><p>На опорі моста через Остру в Зарічному знайшли тріщину, сказав мер.</p>
<p>Рух вантажівок заборонено до осени, решта їздить одною смугою по черзі.</p></article></body>
</html>"""
TEXT = """Міст через Остру закрито на ремонт

04 березня 2026, 09:20
Автор: Тарас Гордієнко

На опорі моста знайшли тріщину. Рух вантажівок заборонено до осени.

Читайте також: Ремонт мосту
"""
TOML = """# settings
[fields]
title = 3
[weights]
max_df = 0.4
min_df = 1
[block]
limit = 6
threshold = 0.05
languages = "uk,ru"
[text]
ngram_range = [1, 2]
stop_words = ["або", "или", "or"]
[ingest]
encoding = "utf-8"
default_lang = "uk"
max_errors = 5
columns = { id = "nid" }
"""


def _jsonl() -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ROWS)


def _table(delimiter: str) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, list(ROWS[0]), delimiter=delimiter)
    table.writeheader()
    table.writerows(ROWS)
    return text.getvalue().encode()


def _parquet() -> bytes:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


SEEDS: dict[str, Callable[[], bytes]] = {
    "articles.jsonl": _jsonl,
    "array.json": lambda: json.dumps(ROWS, ensure_ascii=False, indent=1).encode(),
    "articles.csv": lambda: _table(","),
    "articles.tsv": lambda: _table("\t"),
    "articles.parquet": _parquet,
    "articles.jsonl.gz": lambda: gzip.compress(_jsonl(), mtime=0),
    "page.html": PAGE.encode,
    "page.txt": TEXT.encode,
    "recommender.toml": TOML.encode,
}
# What parsers trip over, pasted in whole.
SNIPPETS = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"\\ud800", b'"', b"'", b"\n", b"\r", b",", b"{", b"}", b"[",
    b"]", b"<", b"</", b"<![CDATA[", b"&#0;", b"\x1f\x8b", b"PAR1", b"NaN", b"1e999", b"null",
    b"9" * 5_000, b"[" * 3_000, b"\xef\xbb\xbf", b"\x1b[31m", b"= ", b"[ingest]\n", "й".encode(),
)  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return ``data`` with one to four injuries."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice((1, 2, 8, 64, 512)))
        match rng.randrange(7):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at:at] = rng.randbytes(rng.choice((1, 3, 40)))
            case 2:
                del out[at:end]
            case 3:
                out[at:at] = out[at:end] * rng.choice((1, 2, 50))
            case 4:
                del out[at:]
            case 5:
                out[at:end] = rng.randbytes(end - at)
            case _:
                out[at:at] = rng.choice(SNIPPETS)
    return bytes(out)


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in what takes longer."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still at work after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _try(path: Path, number: int) -> str:
    """Use the file as a user would; return what is wrong with how that ended, "" if nothing."""
    try:
        with within(SECONDS):
            if path.suffix == ".toml":
                load_config(path)
            elif number % BUILT_EVERY:
                _read(path)
            else:
                build_index(path, path.parent / "index")
    except RecommenderError as error:
        return "" if str(error).strip() else f"{type(error).__name__} without a message"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _read(path: Path) -> None:
    found = Rejections()
    for article in read_articles(path, rejections=found):
        assert article.id
        assert article.title or article.lead or article.body
        article.body.encode("utf-8")


def _campaign(name: str, n_cases: int, folder: Path) -> list[str]:
    data = SEEDS[name]()
    path = folder / name
    faults = []
    for number in range(n_cases):
        path.write_bytes(mutated(data, random.Random(f"{name}:{number}")))
        fault = _try(path, number)
        if fault:
            faults.append(f"case {number}: {fault[:300]}")
    return faults


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_input_raises_nothing_but_our_errors(name: str, tmp_path: Path) -> None:
    """Bytes flipped, inserted, deleted, doubled or cut end in articles, rejections or our error."""
    assert [] == _campaign(name, CASES // len(SEEDS), tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("name", SEEDS)
def test_damaged_input_raises_nothing_but_our_errors_in_ten_thousand_cases(
    name: str, tmp_path: Path
) -> None:
    """The same, at length."""
    assert [] == _campaign(name, CASES_FULL // len(SEEDS), tmp_path)


def test_undamaged_input_is_read_whole(tmp_path: Path) -> None:
    """The campaign starts from inputs that are sound, or it would show nothing."""
    expected = {"page.html": 1, "page.txt": 1}
    for name, seed in SEEDS.items():
        path = tmp_path / name
        path.write_bytes(seed())
        if name == "recommender.toml":
            assert load_config(path)[0].block.limit == 6
        else:
            found = Rejections()
            articles = list(read_articles(path, rejections=found))
            assert (expected.get(name, 3), 0) == (len(articles), found.count), name
