"""Blocks made in the thread that answers: in order, bounded by time, and never all in one go."""

from __future__ import annotations

import asyncio
import gc
import gzip
import itertools
import tracemalloc
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks._load import Running, closed_loop, get
from recommender import Recommender
from recommender.server.blocks import Question, Serving
from recommender.server.making import Maker
from recommender.server.problems import ProblemError
from recommender.server_settings import ServerSettings


def run(scenario: Callable[[Maker], Coroutine[Any, Any, None]], deadline: float = 60.0) -> None:
    """Play a scenario with a maker of kinds that take 10 ms, of which 95 ms may wait."""

    async def play() -> None:
        maker = Maker(0.020, 0.095, deadline)
        maker.note("known", 0.010)
        await scenario(maker)

    asyncio.run(play())


def test_kind_is_quick_by_what_its_like_took_lately() -> None:
    """What is not known yet is not, and one slow block among many changes nothing."""
    maker = Maker(0.020, 0.095, 1.0)
    assert not maker.is_quick("new")
    for seconds in (0.010, 0.100):
        maker.note("new", seconds)
    assert maker.is_quick("new")
    for _ in range(9):
        maker.note("new", 0.100)
    assert not maker.is_quick("new")


def test_blocks_are_made_in_the_order_of_asking() -> None:
    """And each asker has its own."""

    async def scenario(maker: Maker) -> None:
        made: list[int] = []

        def work(n: int) -> int:
            made.append(n)
            return n

        promised = [maker.make("known", lambda n=n: work(n)) for n in range(5)]  # type: ignore[misc]

        assert not made
        assert list(range(5)) == await asyncio.gather(*promised) == made

    run(scenario)


def test_too_much_is_refused_at_once_while_nothing_was_made_yet() -> None:
    """Ten blocks of 10 ms wait where 95 ms may; the eleventh is told so now."""

    async def scenario(maker: Maker) -> None:
        promised = [maker.make("known", object) for _ in range(10)]
        with pytest.raises(ProblemError) as refused:
            maker.make("known", object)
        assert 503 == refused.value.status
        assert not any(future.done() for future in promised)
        await promised[0]
        last = maker.make("known", object)
        await asyncio.gather(*promised, last)
        assert 10 == len([maker.make("known", object) for _ in range(10)])

    run(scenario)


def test_loop_answers_between_two_blocks() -> None:
    """What comes in while blocks wait is answered after one of them, not after all."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(1))
        writer.close()

    async def scenario(maker: Maker) -> None:
        made: list[int] = []
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())

            def work() -> None:
                if not made:
                    writer.write(b"?")
                made.append(1)

            promised = [maker.make("known", work) for _ in range(9)]
            await reader.readexactly(1)

            assert len(made) < 9
            await asyncio.gather(*promised)
            writer.close()

    run(scenario)


def test_spare_time_is_what_nobody_asks_for() -> None:
    """Blocks that are asked for come first, whatever was begun."""

    async def scenario(maker: Maker) -> None:
        order: list[str] = []
        spare = [maker.make_in_spare_time(lambda: order.append("spare")) for _ in range(3)]
        asked = [maker.make("known", lambda: order.append("asked")) for _ in range(3)]
        await asyncio.gather(*spare, *asked)

        assert ["asked"] * 3 + ["spare"] * 3 == order

    run(scenario)


def test_block_whose_turn_comes_too_late_is_not_made() -> None:
    """Its asker is gone; those behind it need the time."""

    async def scenario(maker: Maker) -> None:
        with pytest.raises(ProblemError) as late:
            await maker.make("known", lambda: pytest.fail("made"))
        assert 503 == late.value.status

    run(scenario, deadline=-1.0)


def test_error_of_a_block_is_for_its_asker_alone() -> None:
    """The next one is made."""

    async def scenario(maker: Maker) -> None:
        wrong, right = maker.make("known", lambda: 1 // 0), maker.make("known", lambda: 1)
        with pytest.raises(ZeroDivisionError):
            await wrong
        assert 1 == await right

    run(scenario)


# --- in the service ---


def test_more_than_may_wait_is_refused_and_the_rest_answered(
    sample_index: Path, news: Recommender
) -> None:
    """A worker that is asked for too much makes what it can all the time."""
    ids = [news.index.article_id(int(doc)) for doc in news.index.docs()]
    requests = itertools.cycle([get(f"/v1/articles/{key}/related") for key in ids])
    with Running(sample_index, writes="false", cache_mb=0, wait_ms=5, drain_seconds=0) as running:
        outcome = closed_loop(running.port, requests, 1.0, n_connections=64)

    assert {200, 503} == set(outcome.statuses)
    assert outcome.percentile(0.5, 503) < outcome.percentile(0.5, 200)
    assert 0 == outcome.lost


def test_block_that_many_ask_for_at_once_is_made_once(news: Recommender) -> None:
    """And all have the same bytes; an error is for all, and is not kept."""
    serving = Serving(news.answers, ServerSettings())
    begun: list[asyncio.Future[Any]] = []

    def begin() -> asyncio.Future[Any]:
        begun.append(asyncio.get_running_loop().create_future())
        return begun[-1]

    async def ask(name: bytes) -> list[Any]:
        asked = [asyncio.ensure_future(serving.once((name, b""), begin)) for _ in range(3)]
        await asyncio.sleep(0)
        if name == b"good":
            begun[-1].set_result(serving.make(Question("sc-uk-0001", {}))[0])
        else:
            begun[-1].set_exception(ProblemError("overloaded", "Too much."))
        return await asyncio.gather(*asked, return_exceptions=True)

    good, bad = asyncio.run(ask(b"good")), asyncio.run(ask(b"bad"))

    assert 2 == len(begun)
    assert good[0] is good[1] is good[2] is serving.find((b"good", b""))
    assert all(isinstance(one, ProblemError) for one in bad)
    assert serving.find((b"bad", b"")) is None


def test_blocks_that_are_asked_for_most_are_made_ahead(news: Recommender) -> None:
    """By how often they were answered again; what was asked for only once is not worth it."""
    serving = Serving(news.answers, ServerSettings())
    for n_asked, key in enumerate(("sc-uk-0001", "sc-ru-0012", "sc-en-0037")):
        address = key.encode(), b""
        serving.keep(address, serving.make(Question(key, {}))[0])
        for _ in range(n_asked):
            assert serving.find(address) is not None

    told = [(question.key, n_asked) for _, question, n_asked in serving.hottest(9)]
    assert [("sc-en-0037", 2), ("sc-ru-0012", 1)] == told
    assert told[:1] == [(question.key, n) for _, question, n in serving.hottest(1)]


@pytest.mark.parametrize("takes_gzip", [False, True])
def test_memory_of_finished_blocks_is_what_is_counted(news: Recommender, takes_gzip: bool) -> None:
    """What JSON was written with more room than it needs is not kept so; packed ones take less."""
    serving = Serving(news.answers, ServerSettings())
    addresses = [(b"/v1/articles/sc-uk-0001/related", b"limit=%d" % n) for n in range(1, 101)]
    questions = [Question("sc-uk-0001", {"limit": n}) for n in range(1, 101)]
    for question in questions:  # what is learnt is learnt
        serving.make(question)
    gc.collect()
    tracemalloc.start()
    try:
        for (path, query), question in zip(addresses, questions, strict=True):
            made = serving.make(replace(question, options=dict(question.options)))[0]
            serving.keep((bytes(bytearray(path)), bytes(bytearray(query))), made)
            del made
        for address in addresses:
            found = serving.find(address)
            assert found is not None
            found.for_caller(takes_gzip)
            serving.find(address)
        del found
        before, counted = tracemalloc.get_traced_memory()[0], serving.size
        for _ in range(100):
            serving._forget(next(iter(serving._kept)))
        held = before - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert 0 == serving.size
    assert 0.85 * held < counted < 1.15 * held


def test_block_that_one_caller_takes_packed_is_the_same_for_others(news: Recommender) -> None:
    """It is kept in one form only."""
    made = Serving(news.answers, ServerSettings()).make(Question("sc-uk-0001", {}))[0]
    plain, before = made.for_caller(False)
    packed, headers = made.for_caller(True)

    assert plain == gzip.decompress(packed) == made.for_caller(False)[0]
    assert before == made.for_caller(False)[1]
    assert (packed, headers) == made.for_caller(True)
    assert (b"content-encoding", b"gzip") in headers
    assert (b"content-length", b"%d" % len(packed)) in headers


def test_finished_blocks_make_room_for_others_the_one_not_asked_for_longest_first(
    news: Recommender,
) -> None:
    """Also an address of many bytes takes room, and what takes too much of it is not kept."""
    serving = Serving(news.answers, ServerSettings(cache_mb=1))
    for n in range(300):
        serving.keep((b"%d" % n, b""), serving.make(Question("sc-uk-0001", {}))[0])
        assert serving.find((b"0", b"")) is not None
        assert serving.size <= 1_000_000
    assert serving.find((b"1", b"")) is None
    assert serving.find((b"299", b"")) is not None
    size = serving.size
    serving.keep((b"long", b"x" * 70_000), serving.make(Question("sc-uk-0001", {}))[0])

    assert size == serving.size
