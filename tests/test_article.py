"""Articles and blocks as plain JSON."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender.article import (
    Article,
    Aside,
    AsideKind,
    Block,
    Card,
    Image,
    IndexInfo,
    Reason,
    Removal,
    Source,
    to_json,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CARD = Card(
    id="7",
    url="https://news.example/7",
    title="Заголовок",
    lead=None,
    section="Політика",
    authors=("Олена", "Ivan"),
    lang="uk",
    published_at=NOON,
    updated_at=None,
    image=Image("https://news.example/7.jpg", width=640),
    label=None,
    story_id=None,
    role=None,
    rank=1,
    score=0.5,
    origin="similar",
    why=(Reason("вибори", 0.3), Reason("рада", 0.2)),
    extra={"views": 12, "tags": ("a", "b")},
)
ARTICLE = Article(
    id="7",
    title="Заголовок",
    published_at=NOON,
    asides=(Aside(AsideKind.READ_ALSO, "Читайте також", ("https://news.example/6",)),),
    links=("6",),
)
BLOCK = Block(
    source=Source("1", None, "uk"),
    cards=(CARD,),
    index=IndexInfo(3, NOON, 1.5, 100),
    removed=(Removal("9", "duplicates", "same story"),),
)


@pytest.mark.parametrize("value", [ARTICLE, CARD, BLOCK])
def test_to_json_value_is_what_json_gives_back(value: Any) -> None:
    """Only plain JSON types come out, so a round trip changes nothing."""
    plain = to_json(value)

    assert plain == json.loads(json.dumps(plain, allow_nan=False))


@pytest.mark.parametrize("value", [ARTICLE, CARD, BLOCK])
def test_to_json_keeps_every_field(value: Any) -> None:
    """No field is left out."""
    assert [f.name for f in dataclasses.fields(value)] == list(to_json(value))


def test_to_json_time_ends_with_z() -> None:
    """UTC is written the short way."""
    assert to_json(CARD)["published_at"] == "2026-03-01T12:00:00Z"
    assert to_json(BLOCK)["index"]["built_at"] == "2026-03-01T12:00:00Z"


def test_to_json_time_with_fractions_ends_with_z() -> None:
    """Microseconds stay."""
    assert to_json(NOON.replace(microsecond=250)) == "2026-03-01T12:00:00.000250Z"


def test_to_json_time_of_another_zone_keeps_the_instant() -> None:
    """A time that is not UTC is not passed off as UTC."""
    kyiv = NOON.astimezone(timezone(timedelta(hours=2)))

    assert kyiv == datetime.fromisoformat(to_json(kyiv))


def test_to_json_kind_of_aside_is_plain_text() -> None:
    """An enum member is written as its value, as a str and not as a subclass."""
    kind = to_json(ARTICLE)["asides"][0]["kind"]

    assert kind == "read-also"
    assert type(kind) is str


def test_to_json_tuples_are_lists() -> None:
    """At every depth."""
    plain = to_json(CARD)

    assert plain["authors"] == ["Олена", "Ivan"]
    assert plain["why"] == [
        {"term": "вибори", "share": 0.3, "kind": "term"},
        {"term": "рада", "share": 0.2, "kind": "term"},
    ]
    assert plain["extra"] == {"views": 12, "tags": ["a", "b"]}


def test_to_json_keys_of_mappings_are_texts() -> None:
    """JSON knows no other keys."""
    assert to_json({1: (None, True)}) == {"1": [None, True]}


def test_to_json_day_of_an_extra_column_is_text() -> None:
    """Tables bring days without a time."""
    assert to_json({"day": date(2026, 3, 1)}) == {"day": "2026-03-01"}


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "", "ґ", []])
def test_to_json_plain_value_stays(value: Any) -> None:
    """What is JSON already is not touched."""
    assert value == to_json(value)


@hypothesis_settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_to_json_any_time_reads_back(time: datetime) -> None:
    """What is written means the same instant."""
    assert time == datetime.fromisoformat(to_json(time))


def test_article_is_frozen() -> None:
    """An article handed out cannot be changed behind its owner's back."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ARTICLE.title = "other"  # type: ignore[misc]


def test_caption_joins_picture_and_asides_once_each() -> None:
    """The picture's caption comes first; a repeated one is not counted twice."""
    article = Article(
        id="1",
        image=Image("x.jpg", caption="Мер"),
        asides=(
            Aside(AsideKind.CAPTION, "Площа"),
            Aside(AsideKind.PROMO, "Підпишіться"),
            Aside(AsideKind.CAPTION, "Мер"),
        ),
    )

    assert article.caption == "Мер\nПлоща"
    assert Article(id="1").caption == ""
