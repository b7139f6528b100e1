"""Articles over HTTP: put, asked for and deleted, through the one writer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks._load import Running
from recommender.errors import IndexLockedError
from recommender.index.manifest import writer_lock
from tests.server.asking import ask

ARTICLE = {
    "title": "Ostra Bridge reopens",
    "lead": "Lorries cross again.",
    "body": "The bridge over the Ostra carries lorries again.",
    "lang": "en",
    "url": "https://steppecourier.example/en/new",
    "authors": ["A. Reporter"],
    "image": {"src": "https://img.example/1.jpg", "width": 10, "height": 5},
}


def test_article_that_was_put_is_in_blocks_when_the_answer_comes(service: Running) -> None:
    """Acknowledged after the commit; gone when it was deleted."""
    put = ask(service.port, "/v1/articles/n-1", method="PUT", body=ARTICLE)
    stored = ask(service.port, "/v1/articles/n-1").json
    block = ask(service.port, "/v1/articles/n-1/related?limit=1")
    again = ask(service.port, "/v1/articles/n-1", method="PUT", body=ARTICLE)
    gone = ask(service.port, "/v1/articles/n-1", method="DELETE")
    after = ask(service.port, "/v1/articles/n-1/related?limit=1")

    assert (1, 1, 1) == (put.json["added"], again.json["unchanged"], gone.json["deleted"])
    assert ARTICLE["title"] == stored["title"]
    assert ARTICLE["authors"] == stored["authors"]
    assert (200, 1) == (block.status, len(block.json["cards"]))
    assert str(put.json["generation"]) == put.headers["x-index-generation"]
    assert 404 == after.status


def test_many_articles_are_one_generation_and_bad_ones_are_named(service: Running) -> None:
    """One without a text is rejected; the others stay."""
    articles = [{**ARTICLE, "id": f"b-{i}"} for i in range(3)] + [{"id": "b-bad"}]

    put = ask(service.port, "/v1/articles", method="POST", body={"articles": articles}).json
    ids = ["b-0", "b-1", "b-2", "nowhere"]
    gone = ask(service.port, "/v1/deletions", method="POST", body={"ids": ids}).json

    assert (3, 1) == (put["added"], put["rejected"])
    assert [("b-bad", "empty-text")] == [(r["id"], r["reason"]) for r in put["rejections"]]
    assert (3, ["nowhere"]) == (gone["deleted"], gone["unknown_ids"])


def test_article_without_a_text_is_422(service: Running) -> None:
    """And the answer says why."""
    found = ask(service.port, "/v1/articles/n-2", method="PUT", body={"title": ""})

    assert (422, True) == (found.status, "empty-text" in found.json["detail"])


def test_body_with_another_id_than_the_address_is_422(service: Running) -> None:
    """Else nobody knows which is meant."""
    body = {**ARTICLE, "id": "n-4"}

    assert 422 == ask(service.port, "/v1/articles/n-3", method="PUT", body=body).status


def test_changes_sent_at_once_are_made_one_after_another(service: Running) -> None:
    """None is lost."""

    def put(i: int) -> int:
        return ask(service.port, f"/v1/articles/c-{i}", method="PUT", body=ARTICLE).status

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(put, range(6)))
    ids = [f"c-{i}" for i in range(6)]
    gone = ask(service.port, "/v1/deletions", method="POST", body={"ids": ids}).json

    assert ([200] * 6, 6) == (statuses, gone["deleted"])


@contextmanager
def held(model: Path, seconds: float = 30.0) -> Iterator[None]:
    """Hold an index as its writer, once the service's own has let go of it: it tidies up."""
    until = time.monotonic() + seconds
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(writer_lock(model))
                break
            except IndexLockedError:
                assert time.monotonic() < until
                time.sleep(0.05)
        yield


def test_change_waits_for_another_writer(service: Running, model: Path) -> None:
    """A nightly job that holds the index for a moment."""
    with ThreadPoolExecutor(1) as pool:
        with held(model):
            waiting = pool.submit(ask, service.port, "/v1/articles/w-1", method="DELETE")
            assert not waiting.done()
        found = waiting.result()

    assert (200, ["w-1"]) == (found.status, found.json["unknown_ids"])
