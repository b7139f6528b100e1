"""Anything that holds articles: files, folders, standard input, iterables."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recommender.article import Article, Aside, AsideKind, Image
from recommender.errors import InputError, SourceNotFoundError, TooManyRejectionsError
from recommender.ingest import (
    IngestSettings,
    NoticeKind,
    RejectionReason,
    Rejections,
    read_articles,
)

PLAIN = IngestSettings(clean=False)
LINE = '{"id": 1, "title": "a"}\n'
PAGE = (
    "<!DOCTYPE html><html><head><title>Storm closes the port of Odesa</title></head><body>"
    "<article><h1>Storm closes the port of Odesa</h1>"
    + "<p>A storm closed the port of Odesa on Monday, the harbour master said to reporters.</p>" * 4
    + "</article></body></html>"
)


def _read(source: Any, settings: IngestSettings = PLAIN) -> tuple[list[Article], Rejections]:
    found = Rejections()
    return list(read_articles(source, settings=settings, rejections=found)), found


def test_source_that_is_missing_fails_at_the_call(tmp_path: Path) -> None:
    """A missing path is known before the first article is asked for, in a list as well."""
    present = tmp_path / "a.jsonl"
    present.write_text(LINE)
    for source in (
        tmp_path / "no.jsonl",
        str(tmp_path / "no"),
        [present, tmp_path / "no.csv"],
        "a\0b",
    ):
        with pytest.raises(SourceNotFoundError, match="No file or folder"):
            read_articles(source)


@pytest.mark.parametrize("source", [5, None, b"bytes", 1.5, object()])
def test_source_of_another_kind_is_refused(source: Any) -> None:
    """What holds no articles is an InputError that lists what would."""
    with pytest.raises(InputError, match="expected a path, a folder"):
        read_articles(source)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a.html", "a"])
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_file_that_is_empty_gives_nothing_and_a_notice(
    tmp_path: Path, name: str, content: bytes
) -> None:
    """An empty file is no error; the notice names it."""
    (tmp_path / name).write_bytes(content)
    articles, found = _read(tmp_path / name)
    assert (articles, found.count) == ([], 0)
    assert str(tmp_path / name) in found.notice_samples[NoticeKind.EMPTY_FILE][0]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet", "a.html", "a.txt", "a"])
def test_json_under_another_suffix_is_read_as_json(tmp_path: Path, name: str) -> None:
    """Content that is certain goes before the suffix, with a notice."""
    (tmp_path / name).write_text(LINE)
    articles, found = _read(tmp_path / name)
    assert articles == [Article("1", "a")]
    assert (NoticeKind.OTHER_FORMAT in found.notices) == (name != "a")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a"])
def test_parquet_under_another_suffix_is_read_as_parquet(tmp_path: Path, name: str) -> None:
    """PAR1 at the start is certain."""
    pd.DataFrame({"id": [1], "title": ["a"]}).to_parquet(tmp_path / name)
    assert _read(tmp_path / name)[0] == [Article("1", "a")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b"PK\x03\x04....", "zip archive"),
        ("a.csv", b"SQLite format 3\0", "SQLite"),
        ("a.parquet", b"id,title\n1,a\n", "plain text"),
        ("a.jsonl", b"id,title\n1,a\n", "plain text"),
        ("a.jsonl", b"<?xml version='1.0'?><rss/>", "XML"),
        ("a.csv", bytes(range(32)) * 9, "binary data"),
        ("a", b"just words", "plain text"),
    ],
)
def test_file_that_is_not_what_its_suffix_says_is_named(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    """The error says which file, what the suffix promises and what it looks like."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        _read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert words in str(caught.value)


def test_stated_format_is_never_replaced(tmp_path: Path) -> None:
    """A format the user states is held against the content and refused where it cannot be."""
    (tmp_path / "a").write_text(LINE)
    assert len(_read(tmp_path / "a", IngestSettings(format="jsonl", clean=False))[0]) == 1
    with pytest.raises(InputError, match=r"format='csv'"):
        _read(tmp_path / "a", IngestSettings(format="csv", clean=False))


def test_folder_is_read_by_name_with_pages_below(tmp_path: Path) -> None:
    """Files by name, pages from folders below, the rest passed over with a notice."""
    (tmp_path / "b.csv").write_text("id,title\n2,b\n")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINE.encode()))
    (tmp_path / "pairs.tsv").write_text("id_a\tid_b\n1\t2\n")
    (tmp_path / "README.md").write_text("words")
    (tmp_path / ".hidden.jsonl").write_text("nonsense")
    (tmp_path / "pages" / "storm_files").mkdir(parents=True)
    (tmp_path / "pages" / "storm.html").write_text(PAGE)
    (tmp_path / "pages" / "storm_files" / "frame.html").write_text(PAGE)
    (tmp_path / "pages" / "c.csv").write_text("id,title\n3,c\n")
    articles, found = _read(tmp_path)
    assert [a.id for a in articles] == ["1", "2", "pages/storm"]
    assert (found.count, found.notices) == (0, {NoticeKind.FILE_SKIPPED: 2})


def test_page_file_without_address_takes_its_stem(tmp_path: Path) -> None:
    """The name of the file is the last resort for an id."""
    path = tmp_path / "storm.v2.html"
    path.write_text(PAGE)
    (article,), _ = _read(path)
    assert (article.id, "port of Odesa" in article.title) == ("storm.v2", True)


def test_page_without_article_is_rejected(tmp_path: Path) -> None:
    """A page with nothing on it is counted with its name."""
    path = tmp_path / "a.html"
    path.write_text("<html><head></head><body></body></html>")
    articles, found = _read(path)
    assert (articles, found.by_reason) == ([], {RejectionReason.BAD_PAGE: 1})
    assert found.samples[0].file == str(path)


def test_record_with_a_page_is_read_from_it() -> None:
    """The page gives the text, the record what it states itself."""
    (article,), _ = _read([{"id": "7", "html": PAGE, "section": "World", "text": "not this"}])
    assert (article.id, article.section) == ("7", "World")
    assert article.body.startswith("A storm closed")


def test_plain_page_is_read(tmp_path: Path, seed_page: str) -> None:
    """A page saved as text is one article named after its file."""
    (tmp_path / "seed.txt").write_text(seed_page, encoding="utf-8")
    (article,), found = _read(tmp_path / "seed.txt")
    assert (article.id, found.count) == ("seed", 0)
    assert "Stoltenberg" in article.title


def test_standard_input_is_read_as_jsonl(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash is standard input, packed or not."""
    for data in (LINE.encode(), gzip.compress(LINE.encode())):
        stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert _read("-")[0] == [Article("1", "a")]


def test_iterable_of_anything_is_read_lazily() -> None:
    """A generator without end is read as far as it is asked for."""

    def endless() -> Iterator[dict[str, Any]]:
        for number in itertools.count():
            yield {"id": number, "title": "t"}

    articles = read_articles(endless(), settings=PLAIN)
    assert [a.id for a in itertools.islice(articles, 3)] == ["0", "1", "2"]


def test_iterable_may_mix_mappings_articles_and_paths(tmp_path: Path) -> None:
    """Each entry is read for what it is; another thing is rejected with its number."""
    (tmp_path / "a.jsonl").write_text(LINE)
    articles, found = _read(
        iter([{"id": 0, "title": "t"}, Article("5", "x"), tmp_path / "a.jsonl", 7])
    )
    assert [a.id for a in articles] == ["0", "5", "1"]
    assert found.by_reason == {RejectionReason.NOT_AN_OBJECT: 1}
    assert found.samples[0].line == 4


def test_article_given_as_such_keeps_all_it_has() -> None:
    """A caller's Article comes out equal; a broken one is mended or rejected like a record."""
    whole = Article(
        "1",
        "a",
        image=Image("/x", "alt", "cap", 1, 2),
        asides=(Aside(AsideKind.PROMO, "p"),),
        extra={"k": 1},
        links=("u",),
        lang="uk",
    )
    articles, found = _read([whole, Article(" ", "b"), Article("2", "\ud800")])
    assert articles == [whole, Article("2", "\ufffd")]
    assert found.by_reason == {RejectionReason.MISSING_ID: 1}


def test_mapped_column_that_no_record_has_is_named_at_the_end() -> None:
    """One record with it is enough; none at all is an error listing the columns that are there."""
    settings = IngestSettings(columns={"section": "rubrik"}, clean=False)
    records = [{"id": 1, "title": "t", "rubric": "x"}, {"id": 2, "title": "t"}]
    with pytest.raises(InputError, match=r"'rubrik' \(mapped to section\).*mean 'rubric'"):
        _read(records, settings)
    assert _read([*records, {"id": 3, "title": "t", "rubrik": "y"}], settings)[0][2].section == "y"


def test_max_errors_of_the_settings_stops_the_run(tmp_path: Path) -> None:
    """More rejections than allowed end the reading, with or without a collector."""
    path = tmp_path / "a.jsonl"
    path.write_text("{broken\n" * 3 + LINE)
    settings = IngestSettings(max_errors=2, clean=False)
    with pytest.raises(TooManyRejectionsError, match="broken-json 3"):
        list(read_articles(path, settings=settings))
    assert len(list(read_articles(path, settings=IngestSettings(max_errors=3, clean=False)))) == 1


def test_quarantine_of_a_run_holds_every_rejected_record(tmp_path: Path) -> None:
    """One part in a hundred poisoned: all good ones come through, all bad ones are in the file."""
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"id": i, "title": "t"}) if i % 100 else f"{{bad {i}" for i in range(1_000)]
    path.write_text("\n".join(lines))
    with Rejections(quarantine=tmp_path / "q.jsonl") as found:
        n_articles = sum(1 for _ in read_articles(path, settings=PLAIN, rejections=found))
    rows = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text().splitlines()]
    assert (n_articles, found.count) == (990, 10)
    assert [row["raw"].strip() for row in rows] == [f"{{bad {i}" for i in range(0, 1_000, 100)]
    assert {(row["reason"], row["file"]) for row in rows} == {("broken-json", str(path))}


def test_cleaning_follows_the_setting() -> None:
    """With clean, a promo line leaves the body; without, the text stays."""
    promo = "Only verified information on our Telegram OBOZ.UA and Viber. Do not fall for fakes!"
    record = {"id": 1, "title": "t", "body": f"The story.\n\n{promo}"}
    assert _read([record], IngestSettings())[0][0].body == "The story."
    assert promo in _read([record])[0][0].body


def test_importing_ingest_loads_nothing_heavy() -> None:
    """Tables and pages load their packages only when a source needs them."""
    code = "import sys, recommender.ingest; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "pyarrow", "lxml", "trafilatura", "numpy"} & set(out.stdout.split())


@pytest.mark.parametrize(
    "name",
    [
        "allsides_30k",
        "bbc",
        "de_10kgnad_test",
        "ecbplus_events",
        "fi_headlines_346k",
        "fnc1_headline_body",
        "lee_similarity",
        "reuters21578",
        "ru_news_misc",
        "slavic_topics",
        "telegram_ru_pairs",
        "twenty_newsgroups",
        "uci_story_headlines",
        "uk_news_misc",
        "wikinews_source_events",
    ],
)
def test_real_articles_are_read_without_a_rejection(datasets: Path, name: str) -> None:
    """Of the first thousands of each set only what has no text at all is rejected."""
    (path,) = sorted((datasets / name).glob("articles.*"))
    found = Rejections()
    articles = read_articles(path, settings=PLAIN, rejections=found)
    n_articles = sum(1 for _ in itertools.islice(articles, 3_000))
    assert (n_articles > 300, found.by_reason) == (True, {})


def test_real_wire_items_without_text_keep_their_titles(datasets: Path) -> None:
    """Of 21,578 Reuters items 1,799 have no text; all but the one without a title are articles."""
    articles, found = _read(datasets / "reuters21578" / "articles.jsonl.gz")
    assert len(articles) == 21_577
    assert sum(not a.body for a in articles) == 1_798
    assert found.by_reason == {RejectionReason.EMPTY_TEXT: 1}
    assert sum(a.published_at is None for a in articles) == 1


@pytest.mark.parametrize("name", ["html_extraction_aeb", "html_pages_fundus"])
def test_real_pages_in_jsonl_are_read(datasets: Path, name: str) -> None:
    """A JSONL of saved pages gives an article a page."""
    found = Rejections()
    pages = read_articles(datasets / name / "pages.jsonl.gz", settings=PLAIN, rejections=found)
    first = list(itertools.islice(pages, 5))
    assert (len(first), found.count) == (5, 0)
    assert all(article.title and article.body for article in first)
