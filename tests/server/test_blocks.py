"""Blocks over HTTP: the same as from Python, with what callers and caches need."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from benchmarks._load import Running
from recommender import Recommender
from recommender.article import to_json
from recommender.export import related_rows
from recommender.ranking.settings import BlockSettings
from recommender.server.blocks import as_json
from recommender.server.options import known_options, option_schemas
from tests.server.asking import ask

IDS = ("sc-uk-0001", "sc-ru-0012", "sc-en-0037")


@pytest.fixture(scope="module")
def untouched(sample_index: Path) -> Iterator[Running]:
    """A service on the index that ``news`` has; other tests change that of ``service``."""
    with Running(sample_index, writes="false", drain_seconds=0) as running:
        yield running


def shown(block: Any) -> Any:
    """Return what a reader sees of a block."""
    plain = block if isinstance(block, dict) else to_json(block)
    return {name: plain[name] for name in ("source", "cards", "fallback_used", "missing_ids")}


@pytest.mark.parametrize("article_id", IDS)
def test_block_over_http_is_that_of_python_and_of_the_export(
    untouched: Running, news: Recommender, article_id: str
) -> None:
    """The same question has the same cards by every way."""
    found = ask(untouched.port, f"/v1/articles/{article_id}/related?limit=4").json
    exported = {row["id"]: row for row in related_rows(news, limit=4)}[article_id]

    assert shown(news.related(article_id, limit=4)) == shown(found)
    assert exported["related"] == [card["id"] for card in found["cards"]]
    assert exported["scores"] == [card["score"] for card in found["cards"]]


def test_block_of_a_url_is_that_of_its_article(untouched: Running, news: Recommender) -> None:
    """An address in another spelling leads to the same block."""
    url = str(news.related("sc-uk-0001").source.url) + "?utm_source=x"

    by_url = ask(untouched.port, f"/v1/related?url={quote(url, safe='')}&limit=3")
    by_id = ask(untouched.port, "/v1/related?id=sc-uk-0001&limit=3")

    assert (200, 200) == (by_url.status, by_id.status)
    assert shown(by_id.json) == shown(by_url.json)


def test_draft_over_http_is_that_of_python(untouched: Running, news: Recommender) -> None:
    """A text that is in no index."""
    draft = {"title": "Міст закрили", "body": "На опорі мосту тріщина.", "lang": "uk"}

    found = ask(
        untouched.port,
        "/v1/related",
        method="POST",
        body={"article": draft, "options": {"limit": 2, "explain": True}},
    )

    assert shown(news.related_to_article(draft, limit=2, explain=True)) == shown(found.json)


def test_explanation_over_http_is_that_of_python(untouched: Running, news: Recommender) -> None:
    """Every shared term, with its share."""
    found = ask(untouched.port, "/v1/explain?id=sc-uk-0001&other=sc-uk-0002")

    assert to_json(news.explain("sc-uk-0001", "sc-uk-0002")) == found.json


def test_json_of_a_block_means_what_the_command_line_prints(news: Recommender) -> None:
    """The quick way of writing JSON and the plain one say the same."""
    for article_id in IDS:
        block = news.related(article_id, explain=True, languages="any")

        assert to_json(block) == json.loads(as_json(block))


def test_json_of_a_number_of_any_size_is_written() -> None:
    """Columns kept for the card may hold what the quick writer refuses."""
    assert b'{"n": 100000000000000000000000000000}' == as_json({"n": 10**29})


def test_batch_answers_in_order_and_names_what_is_missing(
    untouched: Running, news: Recommender
) -> None:
    """Keys, then drafts; an unknown key is null."""
    asked = {
        "keys": ["sc-uk-0001", "nowhere", "sc-en-0037"],
        "articles": [{"title": "Bridge closed", "lang": "en"}],
        "options": {"limit": 2},
    }

    found = ask(untouched.port, "/v1/related/batch", method="POST", body=asked).json

    assert ["nowhere"] == found["missing_keys"]
    assert found["blocks"][1] is None
    assert shown(news.related("sc-en-0037", limit=2)) == shown(found["blocks"][2])
    assert found["blocks"][3]["source"]["title"] == "Bridge closed"
    assert 1 == len({b["index"]["generation"] for b in found["blocks"] if b})


def test_unknown_article_is_404_with_a_code(service: Running) -> None:
    """Never 5xx for an id that the index does not know."""
    found = ask(service.port, "/v1/articles/nowhere/related")

    assert (404, "unknown-article") == (found.status, found.json["code"])
    assert "application/problem+json" == found.headers["content-type"]
    assert found.headers["x-request-id"] == found.json["request_id"]


def test_etag_that_is_known_is_answered_without_a_body(service: Running) -> None:
    """And it outlives the finished bytes: it is of what readers see."""
    first = ask(service.port, "/v1/articles/sc-uk-0003/related")
    again = ask(
        service.port,
        "/v1/articles/sc-uk-0003/related",
        headers={"If-None-Match": f'"other", {first.headers["etag"]}'},
    )
    other = ask(service.port, "/v1/articles/sc-uk-0003/related?limit=6")

    assert (304, b"") == (again.status, again.body)
    assert first.headers["etag"] == again.headers["etag"] == other.headers["etag"]


def test_gzip_is_the_same_block(service: Running) -> None:
    """Packed only for callers that say so."""
    plain = ask(service.port, "/v1/articles/sc-uk-0004/related")
    packed = ask(
        service.port,
        "/v1/articles/sc-uk-0004/related",
        headers={"Accept-Encoding": "br,gzip;q=0.8"},
    )
    refused = ask(
        service.port,
        "/v1/articles/sc-uk-0004/related",
        headers={"Accept-Encoding": "x, gzip;q=0.0"},
    )

    assert "gzip" == packed.headers["content-encoding"]
    assert plain.body == gzip.decompress(packed.body) == refused.body


def test_block_may_be_kept_longer_the_older_its_article(service: Running) -> None:
    """An article without a time is asked for again soon."""
    body = {"title": "Міст", "body": "Міст через Остру", "lang": "uk"}
    ask(service.port, "/v1/articles/undated", method="PUT", body=body)

    old = ask(service.port, "/v1/articles/sc-uk-0001/related").headers["cache-control"]
    new = ask(service.port, "/v1/articles/undated/related").headers["cache-control"]
    ask(service.port, "/v1/articles/undated", method="DELETE")

    assert "max-age=3600" in old
    assert "max-age=60" in new
    assert "stale-while-revalidate=86400" in old


def test_head_has_the_headers_of_get(service: Running) -> None:
    """And no body."""
    got = ask(service.port, "/v1/articles/sc-uk-0005/related")
    head = ask(service.port, "/v1/articles/sc-uk-0005/related", method="HEAD")

    assert b"" == head.body
    assert got.headers["etag"] == head.headers["etag"]
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        assert (200, b"") == (
            ask(service.port, path, method="HEAD").status,
            ask(service.port, path, method="HEAD").body,
        )


@pytest.mark.parametrize("article_id", ["a/b", "id з пробілом", "100%", "?x=1#y", "delete", "."])
def test_id_of_any_letters_can_be_put_asked_for_and_deleted(
    service: Running, article_id: str
) -> None:
    """Ids are percent-encoded in paths, and nothing in them leads elsewhere."""
    path = f"/v1/articles/{quote(article_id, safe='').replace('.', '%2E')}"
    body = {"title": "Міст відкрито", "body": "Міст через Остру відкрили.", "lang": "uk"}

    put = ask(service.port, path, method="PUT", body=body)
    block = ask(service.port, f"{path}/related?limit=2")
    gone = ask(service.port, path, method="DELETE")

    assert (200, 1) == (put.status, put.json["added"])
    assert (200, article_id) == (block.status, block.json["source"]["id"])
    assert (200, 1) == (gone.status, gone.json["deleted"])


def test_every_setting_of_a_block_is_a_parameter() -> None:
    """A new one becomes one by itself, in the contract too."""
    names = {field.name for field in fields(BlockSettings)}

    assert names <= set(known_options()) == set(option_schemas(100))
    assert all(schema["description"] for schema in option_schemas(100).values())


@pytest.mark.parametrize(
    "query",
    [
        "limt=3",
        "limit=0",
        "limit=101",
        "limit=many",
        "limit=2&limit=3",
        "threshold=2",
        "languages=klingon",
        "preset=none-such",
        "mode=magic",
        "explain=maybe",
        "why=-1",
        "mode=",
        "explain=1",
        "limit=1_0",
        "threshold=nan",
    ],
)
def test_option_that_cannot_be_is_422(service: Running, query: str) -> None:
    """And the answer says what was expected."""
    found = ask(service.port, f"/v1/articles/sc-uk-0001/related?{query}")

    assert (422, "impossible") == (found.status, found.json["code"])
    assert found.json["detail"]


def test_excluded_article_is_in_no_block(service: Running) -> None:
    """Ids to leave out are repeated parameters; unknown ones are named."""
    path = "/v1/articles/sc-uk-0001/related?limit=3"
    first = ask(service.port, path).json["cards"][0]["id"]

    found = ask(service.port, f"{path}&exclude_ids={first}&exclude_ids=nowhere").json

    assert first not in {card["id"] for card in found["cards"]}
    assert ["nowhere"] == found["missing_ids"]


def test_batch_of_unknown_articles_refuses_options_that_cannot_be(service: Running) -> None:
    """As one of known ones does."""
    asked = {"keys": ["nowhere"], "options": {"threshold": 1.5e308}}

    assert 422 == ask(service.port, "/v1/related/batch", method="POST", body=asked).status


def test_html_block_links_every_card(service: Running) -> None:
    """The block that pages are put together with on the server."""
    cards = ask(service.port, "/v1/articles/sc-uk-0001/related").json["cards"]
    page = ask(service.port, "/v1/articles/sc-uk-0001/related.html")

    assert "text/html; charset=utf-8" == page.headers["content-type"]
    for card in cards:
        assert f'href="{card["url"]}"' in page.body.decode()


@pytest.mark.parametrize(
    ("article_id", "heading", "day"),
    [
        ("sc-uk-0001", "Інші новини", r"\d\d\.\d\d\.\d{4}"),
        ("sc-ru-0012", "Другие новости", r"\d\d\.\d\d\.\d{4}"),
        ("sc-en-0037", "Other News", r"\d{4}-\d\d-\d\d"),
    ],
)
def test_html_block_reads_well_without_a_style_sheet(
    service: Running, article_id: str, heading: str, day: str
) -> None:
    """Read aloud, or as a crawler takes it: each piece is a word of its own."""
    page = ask(service.port, f"/v1/articles/{article_id}/related.html").body.decode()
    pictures = re.sub(r'<img[^>]* alt="([^"]*)"[^>]*>', r"\1", page)
    words = re.sub(r"<[^>]+>", "", pictures).split()

    assert heading.split() == words[: len(heading.split())]
    for section, shown in re.findall(r'__section">([^<]*)<.*?__date"[^>]*>([^<]*)<', page):
        assert re.fullmatch(day, shown)
        assert {*section.split(), shown} <= set(words)
    for alt, title in re.findall(r' alt="([^"]*)".*?__headline">([^<]*)<', page):
        assert {alt.split()[-1], title.split()[0]} <= set(words)


def test_feedback_is_appended_a_line_an_event(service: Running, feedback_file: Path) -> None:
    """With the block's request_id."""
    block = ask(service.port, "/v1/articles/sc-uk-0001/related").json
    event = {"kind": "click", "request_id": block["request_id"], "article_id": "x", "position": 1}

    found = ask(service.port, "/v1/feedback", method="POST", body={"events": [event, event]})
    lines = feedback_file.read_text(encoding="utf-8").splitlines()

    assert 204 == found.status
    assert [event, event] == [
        {name: value for name, value in json.loads(line).items() if name != "time"}
        for line in lines[-2:]
    ]
