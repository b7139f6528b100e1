"""One record to one Article: aliases, ids, lists, pictures, limits; never another error."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.article import Article, AsideKind, Image
from recommender.errors import RecommenderError
from recommender.ingest import IngestSettings, NoticeKind, RejectionReason, Rejections
from recommender.ingest.records import ALIASES, article_from_record

TEXTS = {"title": "Title", "body": "Body"}


def _read(record: dict[Any, Any], **settings: Any) -> tuple[Article | None, Rejections]:
    found = Rejections()
    article = article_from_record(
        record, settings=IngestSettings(**settings), rejections=found, file="f", line=3
    )
    return article, found


def _article(record: dict[Any, Any], **settings: Any) -> Article:
    article, found = _read(record, **settings)
    assert article is not None, found.samples
    return article


@pytest.mark.parametrize(
    ("field", "alias"), [(f, a) for f in ("title", "lead", "body", "url") for a in ALIASES[f]]
)
@pytest.mark.parametrize("change", [str.lower, str.upper, str.title])
def test_record_with_any_alias_in_any_case_fills_the_field(
    field: str, alias: str, change: Any
) -> None:
    """Column names are known under their usual names, in whatever case."""
    article = _article(
        {"id": "1", "headline" if field != "title" else "x": "T", change(alias): "v"}
    )
    assert getattr(article, field) == "v" or (field == "title" and article.title == "v")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        (np.int64(1), "1"),
        (np.float64(1.0), "1"),
        (1.5, "1.5"),
        (2**63, "9223372036854775808"),
        ("  a b ", "a b"),
        ("cafe\u0301", "café"),
        ("a\x00b", "ab"),
        ({"$oid": "65f"}, "65f"),
        (Decimal(7), "7"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_id_of_any_kind_becomes_the_same_text(value: Any, expected: str) -> None:
    """1, 1.0 and "1" are one id; ids are trimmed and NFC."""
    assert _article({"id": value, **TEXTS}).id == expected


@pytest.mark.parametrize(
    "record",
    [
        {**TEXTS},
        {"id": None, **TEXTS},
        {"id": "", **TEXTS},
        {"id": " \t", "url": "http://x/1", **TEXTS},
        {"id": float("nan"), **TEXTS},
        {"id": pd.NaT, **TEXTS},
        {"id": pd.NA, **TEXTS},
        {"id": "\x00", **TEXTS},
        {},
    ],
)
def test_record_without_id_is_rejected(record: dict[str, Any]) -> None:
    """A missing or empty id is named with its place; no address stands in for an empty id."""
    article, found = _read(record)
    assert article is None
    assert found.by_reason == {RejectionReason.MISSING_ID: 1}
    assert (found.samples[0].file, found.samples[0].line) == ("f", 3)


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, "x" * 1001, float("inf"), [10**5000]])
def test_record_with_impossible_id_is_rejected(value: Any) -> None:
    """What cannot be an id is not made into one."""
    article, found = _read({"id": value, **TEXTS})
    assert (article, found.by_reason) == (None, {RejectionReason.BAD_ID: 1})


def test_record_without_id_column_takes_its_address() -> None:
    """The address is the last resort."""
    assert _article({"url": "http://x/1", **TEXTS}).id == "http://x/1"


@pytest.mark.parametrize("body", [None, "", " \n\t", float("nan"), "<p></p>", "\x00\x01", [], {}])
def test_record_without_any_text_is_rejected(body: Any) -> None:
    """No title, lead or body: nothing to recommend by."""
    article, found = _read({"id": "1", "title": None, "body": body})
    assert (article, found.by_reason) == (None, {RejectionReason.EMPTY_TEXT: 1})
    assert found.samples[0].article_id == "1"


def test_record_with_title_alone_is_an_article() -> None:
    """An empty body is no fault where there is a title."""
    assert _article({"id": "1", "title": "T", "text": ""}) == Article("1", "T")


def test_record_with_every_field_is_read_whole() -> None:
    """Each field arrives in its own form."""
    record = {
        "ID": 7,
        "Headline": "Заголовок",
        "standfirst": "Лід",
        "articleBody": "Текст",
        "link": " https://x.ua/7 ",
        "rubric": ["Світ", "Політика"],
        "keywords": "НАТО, Київ; Осло, НАТО",
        "byline": ["Дарія", {"name": "Іван"}],
        "locale": "uk-UA",
        "pubDate": "Wed, 04 Mar 2026 10:00:00 GMT",
        "updated_at": 1772618400,
        "image": {"url": "/a.jpg", "alt": "A", "width": "640px", "height": 480.0},
        "image_caption": "Підпис",
        "label": "live",
        "sensitive": "так",
        "links": "/n/1 /n/2",
    }
    moment = datetime(2026, 3, 4, 10, tzinfo=UTC)
    expected = Article(
        id="7",
        title="Заголовок",
        lead="Лід",
        body="Текст",
        url="https://x.ua/7",
        section="Світ",
        tags=("НАТО", "Київ", "Осло"),
        authors=("Дарія", "Іван"),
        lang="uk",
        published_at=moment,
        updated_at=moment,
        image=Image("/a.jpg", "A", "Підпис", 640, 480),
        label="live",
        sensitive=True,
        links=("/n/1", "/n/2"),
    )
    assert _article(record) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [("uk-UA", "uk"), ("ua", "uk"), ("Ukrainian", "uk"), ("русский", "ru"), ("EN_us.UTF-8", "en")],
)
def test_language_label_becomes_its_code(label: str, expected: str) -> None:
    """Codes, country codes by mistake and names give ISO 639."""
    assert _article({"id": 1, "lang": label, **TEXTS}).lang == expected


def test_language_that_is_unknown_gives_way_to_the_default() -> None:
    """A label that names no language is noticed and the settings' default taken."""
    article, found = _read({"id": 1, "lang": "?!", **TEXTS}, default_lang="ru")
    assert article is not None
    assert (article.lang, found.notices) == ("ru", {NoticeKind.UNKNOWN_LANG: 1})


def test_date_that_cannot_be_read_is_dropped_with_a_notice() -> None:
    """The article is kept without its date."""
    article, found = _read({"id": 1, "date": "soon", **TEXTS})
    assert article is not None
    assert (article.published_at, found.notices) == (None, {NoticeKind.UNREADABLE_DATE: 1})


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ('["a", "b"]', ("a", "b")),
        ("['a', 'b']", ("a", "b")),
        (np.array(["a", "b"]), ("a", "b")),
        ({"b", "a"}, ("a", "b")),
        ([{"name": "a"}, None, "b", ""], ("a", "b")),
        ("a|b", ("a", "b")),
        (5, ("5",)),
    ],
)
def test_list_in_any_form_is_the_same(tags: Any, expected: tuple[str, ...]) -> None:
    """A list, its written form, an array or a parted text all give the entries in a fixed order."""
    assert _article({"id": 1, "tags": tags, **TEXTS}).tags == expected


def test_flag_with_an_unknown_word_is_yes() -> None:
    """A sensitive article is never shown by a misunderstanding."""
    article, found = _read({"id": 1, "sensitive": "18+", **TEXTS})
    assert article is not None
    assert (article.sensitive, found.notices) == (True, {NoticeKind.UNCLEAR_SENSITIVE: 1})
    assert not _article({"id": 1, "sensitive": "False", **TEXTS}).sensitive
    assert not _article({"id": 1, "sensitive": np.float64("nan"), **TEXTS}).sensitive


def test_caption_without_a_picture_is_kept() -> None:
    """The caption is text about the story even where the picture is missing."""
    article = _article({"id": 1, "image_caption": "Oslo", **TEXTS})
    assert (article.image, article.caption) == (None, "Oslo")
    assert article.asides[0].kind is AsideKind.CAPTION


def test_mapped_column_goes_before_every_alias() -> None:
    """A mapped field is read from that column only, and the column feeds no other field."""
    record = {"nid": 5, "id": 9, "summary": "Text", "title": {"rendered": "T"}}
    columns = {"id": "NID", "body": "summary", "title": "title.rendered"}
    expected = Article("5", "T", "", "Text")
    assert _article(record, columns=columns) == expected


def test_text_longer_than_the_limit_is_cut_with_a_notice() -> None:
    """A long text is shortened, not lost; a token of 1 MB is no different."""
    article, found = _read({"id": 1, "title": "T" * 2**20, "body": "b" * 2**20})
    assert article is not None
    assert (len(article.title), len(article.body)) == (2_000, 200_000)
    assert found.notices == {NoticeKind.TEXT_CUT: 2}


def test_record_larger_than_the_limit_is_rejected() -> None:
    """A record past max_article_bytes does not get into memory's way."""
    article, found = _read({"id": 1, "body": "b" * 101}, max_article_bytes=100)
    assert (article, found.by_reason) == (None, {RejectionReason.TOO_LARGE: 1})


def test_extra_columns_are_kept_on_request_as_plain_values() -> None:
    """Unknown columns arrive as JSON types, NaN as nothing, deep nests cut."""
    deep: list[Any] = []
    for _ in range(50):
        deep = [deep]
    record = {
        "id": 1,
        "n": np.int64(3),
        "nan": np.nan,
        "when": pd.Timestamp("2026-03-04"),
        "d": deep,
    }
    extra = _article({**record, **TEXTS}, extra_columns=("*",)).extra
    assert (extra["n"], extra["when"]) == (3, "2026-03-04 00:00:00")
    assert set(extra) == {"n", "when", "d"}
    assert _article({**record, **TEXTS}, extra_columns=("n",)).extra == {"n": 3}
    assert _article({**record, **TEXTS}).extra == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [alias for aliases in ALIASES.values() for alias in aliases if alias != "html"]
)


@given(st.dictionaries(NAMES | st.text(max_size=4), JSON, max_size=8), JSON)
def test_record_of_any_json_is_read_or_rejected(record: dict[str, Any], article_id: Any) -> None:
    """Any JSON gives an article with sound text, or one counted rejection; never another error."""
    try:
        article, found = _read({"id": article_id, **record}, extra_columns=("*",))
    except RecommenderError:
        return
    assert (article is None) == (found.count == 1)
    if article is not None:
        assert article.id
        "".join((article.id, article.title, article.lead, article.body)).encode("utf-8")
