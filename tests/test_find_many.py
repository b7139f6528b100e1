"""Looking up many ids and addresses at once: as one at a time, and in a moment."""

from __future__ import annotations

import json
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import recommender
from recommender import Recommender
from recommender.errors import InputError
from recommender.updates import add_articles, delete_articles

ODD = ["", " ", "\n", "a\nb", "\ud800", "\ufeff", "%", "//", "http://", "пл\u0456\u0308", "x\u0000"]


@pytest.fixture(scope="module")
def grown(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    """An index of several segments: changed, deleted, with an address that two articles have."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    folder = tmp_path_factory.mktemp("grown") / "news"
    recommender.build(articles, folder)
    changed = [{**article, "title": f"{article['title']}!"} for article in articles[:20]]
    add_articles(changed, folder)
    shared = {**articles[40], "id": "another", "published_at": "2026-01-01"}
    strange = [{**articles[41], "id": key, "url": None} for key in ("пл\u0457", "a b", "1.5")]
    add_articles([shared, *strange], folder)
    delete_articles([article["id"] for article in articles[10:15]], folder)
    return recommender.open(folder)


@pytest.fixture(scope="module")
def spellings(grown: Recommender) -> list[str]:
    """Every id and address, and other spellings of them."""
    index, out = grown.index, [*ODD]
    for part in index.parts:
        for key, url in zip(part.segment.ids, part.segment.urls, strict=True):
            out += [key, f" {key}\n", unicodedata.normalize("NFD", key), key.upper(), f"{key}x"]
            out += [url, f"https://www.{url}?utm_source=x#top", f"{url}/", f"{url}x"] if url else []
    return out


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_many_keys_are_found_as_each_alone(
    grown: Recommender, spellings: list[str], data: st.DataObject
) -> None:
    """Whatever they are, in any number and order."""
    some = st.sampled_from(spellings) | st.text(max_size=8)
    keys = data.draw(st.lists(some, min_size=0, max_size=90))
    keys *= data.draw(st.integers(1, 3))

    found = grown.answers.find_many(keys)

    alone = [grown.answers.find(key) for key in keys]
    assert [-1 if doc is None else doc for doc in alone] == found.tolist()


def test_every_spelling_is_found_in_one_go_as_alone(
    grown: Recommender, spellings: list[str]
) -> None:
    """All together; changed, deleted and shared ones too."""
    assert len(spellings) > 1000

    alone = [grown.answers.find(key) for key in spellings]
    assert [-1 if d is None else d for d in alone] == grown.answers.find_many(spellings).tolist()


def test_million_ids_to_exclude_took_twenty_seconds(grown: Recommender) -> None:
    """In three languages, mostly unknown; those that are known are left out, the others told."""
    shown = grown.related("sc-uk-0001", limit=2).cards
    many = [f"{word}-{i}" for word in ("gone", "стаття", "статья") for i in range(333_333)]
    started = time.process_time()

    block = grown.related("sc-uk-0001", exclude_ids=[*many, *(card.id for card in shown)])

    assert tuple(many) == block.missing_ids
    assert not {card.id for card in shown} & {card.id for card in block.cards}
    assert time.process_time() - started < 10  # 1 s where nothing else runs


def test_key_that_is_no_text_is_named_among_many(grown: Recommender) -> None:
    """As it is alone."""
    keys: list[str] = ["a"] * 100
    keys.append(7)  # type: ignore[arg-type]

    with pytest.raises(InputError, match="7 is no article id"):
        grown.answers.find_many(keys)
