"""Every row of the threats that concern a service: what it must do, and does."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks._load import Running, _request
from recommender.article import Block, Card, Image, IndexInfo, Source
from recommender.server.feedback import Feedback
from recommender.server.html import block_html, safe_url
from recommender.server.limits import Lane, Rates, gunzipped, read_body
from recommender.server.problems import ProblemError, problem_of
from tests.server.asking import ask, raw

_DRAFT = {"article": {"title": "Bridge closed", "lang": "en"}}


# --- bodies ---


def test_body_that_is_larger_than_it_says_is_refused_while_it_comes(service: Running) -> None:
    """Chunked bodies tell no length."""
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    head = (
        b"POST /v1/related HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )

    assert raw(service.port, head + chunk * 2).startswith(b"HTTP/1.1 413 ")


def test_body_that_says_it_is_too_large_is_refused_before_it_comes(service: Running) -> None:
    """Nothing of it is waited for."""
    head = (
        b"POST /v1/related HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 99999999999999999999\r\n\r\n"
    )
    answer = raw(service.port, head)

    assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))


def test_body_that_does_not_come_is_given_up(service: Running) -> None:
    """408, and the connection is closed."""
    head = (
        b"POST /v1/related HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 10\r\n\r\n{"
    )

    assert raw(service.port, head).startswith(b"HTTP/1.1 408 ")


def test_head_that_does_not_come_is_given_up(service: Running) -> None:
    """Neither on a new connection nor on one that was answered before."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    assert b"" == raw(service.port, b"GET /healthz HTTP/1.1\r\nHost: ")
    assert 1 == raw(service.port, request + b"GET /healthz HT").count(b"HTTP/1.1 200 OK")


def test_head_of_any_size_is_given_up(service: Running) -> None:
    """It is not kept in memory to its end."""
    answer = raw(service.port, b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 2_000_000)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert 200 == service.status("/healthz")


def test_gzip_bomb_is_not_unpacked(service: Running) -> None:
    """At most a hundredfold, and at most what a body may have."""
    bomb = gzip.compress(b" " * 50_000_000)
    packed = {"Content-Encoding": "gzip"}

    fine = ask(
        service.port,
        "/v1/related",
        method="POST",
        body=gzip.compress(json.dumps(_DRAFT).encode()),
        headers=packed,
    )

    assert 200 == fine.status
    assert 413 == ask(service.port, "/v1/related", method="POST", body=bomb, headers=packed).status
    with pytest.raises(ProblemError, match="bytes"):
        gunzipped(bomb, 10**9)


@pytest.mark.parametrize("data", [b"", b"no gzip", gzip.compress(b"{}", mtime=0)[:-4], b"\x1f\x8b"])
def test_gzip_that_is_none_is_refused(data: bytes) -> None:
    """Cut off, or something else."""
    with pytest.raises(ProblemError, match="gzip"):
        gunzipped(data, 1000)


def test_packed_body_is_refused_unless_it_is_wanted(locked: Running, keys: dict[str, str]) -> None:
    """Unpacking is off by default."""
    found = ask(
        locked.port,
        "/v1/related",
        method="POST",
        body=gzip.compress(b"{}"),
        key=keys["read"],
        headers={"Content-Encoding": "gzip"},
    )

    assert 415 == found.status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b'{"article": {"title": "\\ud800"}}', 400),
        (b'{"article": {"title": NaN}}', 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b"[" * 500 + b"]" * 500, 422),
        (b'{"article": {"title": "x"}, "options": {"limit": 1e400}}', 400),
        (b'{"article": {"title": "x"}, "options": {"limit": true}}', 422),
        (b'{"article": {"title": "x", "tags": [1]}}', 422),
        (b'{"article": {"title": ""}}', 422),
        (b'{"article": {"title": "x", "lang": "klingon"}}', 422),
        (b'{"article": {"title": "x"}, "optoins": {}}', 422),
        (b"", 422),
        (b"null", 422),
    ],
)
def test_body_that_cannot_be_used_is_a_problem(service: Running, body: bytes, status: int) -> None:
    """Never a failure of the service."""
    found = ask(service.port, "/v1/related", method="POST", body=body)

    assert (status, status) == (found.status, found.json["status"])


def test_form_of_a_stranger_is_refused(service: Running) -> None:
    """What pages of others can send without asking is of no type that is taken."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        found = ask(
            service.port,
            "/v1/deletions",
            method="POST",
            body=b'{"ids": ["sc-uk-0001"]}',
            headers={"Content-Type": kind},
        )
        assert 415 == found.status


def test_pages_of_others_are_not_let_in(service: Running) -> None:
    """No header of CORS, and no answer to its questions."""
    headers = {"Origin": "https://other.example", "Access-Control-Request-Method": "DELETE"}
    asked = ask(service.port, "/v1/articles/x", method="OPTIONS", headers=headers)
    found = ask(service.port, "/v1/articles/sc-uk-0001/related", headers=headers)

    assert 405 == asked.status
    for answer in (asked, found):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"])
def test_name_that_leads_here_by_a_trick_is_refused(service: Running, host: str) -> None:
    """A page whose DNS says 127.0.0.1 cannot ask a service without keys."""
    assert 421 == ask(service.port, "/version", headers={"Host": host}).status


# --- addresses ---


@pytest.mark.parametrize(
    "path",
    [
        "/v1/articles/%ff/related",
        "/v1/articles/sc-uk-0001/related?exclude_ids=%ff",
        "/v1/articles/sc-uk-0001/related?" + "&".join("exclude_ids=x" for _ in range(500)),
    ],
)
def test_address_that_is_no_utf8_is_400(service: Running, path: str) -> None:
    """Or has more parameters than anybody needs."""
    assert 400 == ask(service.port, path).status


@pytest.mark.parametrize(
    "path",
    [
        "/v1/articles/..%2f..%2fetc%2fpasswd/related",
        "/v1/articles/%00/related",
        "/v1/articles/" + "x" * 5000 + "/related",
        "/v1/articles/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//v1/related",
    ],
)
def test_id_is_never_a_path(service: Running, path: str) -> None:
    """It is looked up in the index, and nowhere else."""
    assert 404 == ask(service.port, path).status


def test_parameters_of_other_routes_are_refused(service: Running) -> None:
    """A misspelt one is not passed over."""
    assert 422 == ask(service.port, "/version?verbose=1").status
    assert 422 == ask(service.port, "/v1/explain?id=a&other=b&limit=3").status
    assert 422 == ask(service.port, "/v1/related").status
    assert 422 == ask(service.port, "/v1/related?id=a&url=b").status


# --- answers and logs ---


def test_answer_tells_no_path_and_no_traceback() -> None:
    """Whatever went wrong; the log has it."""
    from recommender import errors

    for name in errors.__all__:
        kind = getattr(errors, name)
        if name in ("MissingExtraError", "InputError", "ConfigError", "UnknownArticleError"):
            continue
        if issubclass(kind, errors.InputError):
            continue
        body = problem_of(kind("Cannot write to /srv/models/news: disk full")).body("id")
        assert b"/srv" not in body
    body = problem_of(ZeroDivisionError("in /srv/code.py")).body("id")
    assert b"/srv" not in body
    assert b"Traceback" not in body


def test_log_line_cannot_be_forged(service: Running) -> None:
    """Line ends and control codes of strangers stay inside their quotes, and are cut."""
    forged = "%0a%7b%22event%22%3a%22forged%22%7d%1b%5b31m%e2%80%a8"
    ask(service.port, f"/v1/articles/{forged}/related", headers={"X-Request-Id": "a\tb"})
    ask(service.port, "/" + "y" * 3000)
    text = service.log.read_text(encoding="utf-8")

    assert not [event for event in service.events() if event["event"] == "forged"]
    assert text.isascii()
    assert "\x1b" not in text
    assert "y" * 250 not in text


def test_request_id_is_the_callers_if_it_is_harmless(service: Running) -> None:
    """Else one of the service's own; the log has it too."""
    own = ask(service.port, "/v1/articles/nowhere", headers={"X-Request-Id": "abc-123"})
    other = ask(service.port, "/v1/articles/nowhere", headers={"X-Request-Id": 'x"} {'})

    assert "abc-123" == own.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{20}", other.headers["x-request-id"])
    assert "abc-123" in {event.get("request_id") for event in service.events()}


def test_key_is_in_no_log(locked: Running, keys: dict[str, str]) -> None:
    """Nor its digest, nor a body."""
    ask(locked.port, "/v1/nothing", key=keys["read"])
    ask(locked.port, "/v1/related", method="POST", body=b'{"secret-text', key=keys["read"])
    text = locked.log.read_text(encoding="utf-8")

    assert keys["read"] not in text
    assert "secret-text" not in text


# --- HTML ---

_EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u2028"


def block_of(**fields: Any) -> Block:
    """Return a block of one card."""
    plain: dict[str, Any] = dict.fromkeys(Card.__dataclass_fields__)
    card = Card(**{**plain, "id": "a", "title": "t", "rank": 1, "why": (), **fields})
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Block(Source("s", None, "uk"), (card,), IndexInfo(1, now, 0.0, 1), request_id="r")


def test_text_of_others_is_no_markup() -> None:
    """In no field of a card."""
    image = Image("https://img.example/?a=1&b=\"x'", alt=_EVIL)
    page = block_html(
        block_of(
            url=f"https://news.example/{_EVIL}",
            title=_EVIL,
            lead=_EVIL,
            section=_EVIL,
            lang=_EVIL,
            image=image,
        ),
        (320, 180),
    )

    assert "<script" not in page
    assert 1 == page.count("<img")
    assert not re.search(r"<[^>]*\sonerror\s*=", re.sub(r'"[^"]*"', '""', page))


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " java\tscript:alert(1)",
        "\u200bjavascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "",
        None,
    ],
)
def test_link_that_would_run_is_none(url: str | None) -> None:
    """And its card is left out."""
    assert safe_url(url) is None
    assert "" == block_html(block_of(url=url), (320, 180))


@pytest.mark.parametrize("url", ["https://a.example/x", "http://a.example", "/uk/x", "//a.example"])
def test_link_that_leads_to_a_page_stays(url: str) -> None:
    """With or without a scheme."""
    assert url == safe_url(url)


def test_html_jumps_not_and_is_not_hidden_by_blockers() -> None:
    """Pictures have a size; no class name is one that lists of blockers hide."""
    image = Image("https://img.example/1.jpg", width=9999, height=1)
    page = block_html(block_of(url="https://a.example/x", image=image), (320, 180))
    classes = re.findall(r'class="([^"]*)"', page)
    hidden = r"\bad|ads|sponsor|promo|banner|recommend|related|outbrain|taboola|teaser|partner"

    assert 'width="320" height="180"' in page
    assert "Інші новини" in page
    assert not [name for name in classes if re.search(hidden, name)]


# --- overload ---


def test_lane_refuses_what_is_too_much_and_what_is_too_late() -> None:
    """One works, one waits, the third is refused at once; who waits too long is never begun."""
    begun: list[int] = []
    gate = threading.Event()

    def work(i: int) -> int:
        begun.append(i)
        gate.wait(5)
        return i

    async def go() -> list[Any]:
        lane = Lane(threads=1, queue=1, seconds=0.2)
        tasks = [asyncio.create_task(lane.run(work, i)) for i in range(3)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        gate.set()
        while True:  # until the thread has ended what nobody waits for
            try:
                return [*results, await lane.run(work, 9)]
            except ProblemError:
                await asyncio.sleep(0)

    first, second, third, after = asyncio.run(go())

    assert ["overloaded"] * 3 == [e.code for e in (first, second, third)]
    assert (9, [0, 9]) == (after, begun)


def test_rate_is_each_callers_own_and_its_memory_is_bounded() -> None:
    """A bucket fills up with time; strangers without number take no more room."""
    rates = Rates(rate=2.0, burst=3)
    for _ in range(3):
        rates.check("a", 100.0)
    with pytest.raises(ProblemError) as refused:
        rates.check("a", 100.0)
    rates.check("b", 100.0)
    rates.check("a", 100.5)
    for i in range(10_000):
        rates.check(f"stranger-{i}", 101.0)

    assert (429, "1") == (refused.value.status, refused.value.headers["retry-after"])
    assert len(rates) <= 4096


def test_body_is_bounded_whatever_the_head_says() -> None:
    """The bytes are counted as they come."""

    async def endless() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    with pytest.raises(ProblemError) as refused:
        asyncio.run(read_body(endless, 10_000, 5.0, b"10"))

    assert 413 == refused.value.status


def test_more_than_can_be_done_is_503_with_a_time_to_come_again(
    sample_index: Path, tmp_path: Path
) -> None:
    """Bodies that do not come take the places; and a service that only reads changes nothing."""
    with Running(
        sample_index, max_active=2, body_seconds=3, writes="false", drain_seconds=0
    ) as running:
        held = [_half_a_body(running.port) for _ in range(3)]
        refused = wait_for_503(running)
        for connection in held:
            connection.close()
        change = ask(running.port, "/v1/articles/x", method="DELETE")

    assert (403, "not-allowed") == (change.status, change.json["code"])
    assert ("overloaded", "1") == (refused.json["code"], refused.headers["retry-after"])


def _half_a_body(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    whole = _request("POST", "/v1/related", b'{"article": {"title": "x"}}', "")
    connection.sendall(whole[:-5])
    return connection


def wait_for_503(running: Running) -> Any:
    """Ask until the service is full."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = ask(running.port, "/version")
        if found.status == 503:
            return found
    raise AssertionError("the service was never full")


def test_connection_too_many_is_503_and_one_that_rests_is_closed(sample_index: Path) -> None:
    """Those who were there first are answered; they keep others out until they have rested."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Running(
        sample_index, max_connections=4, keep_alive_seconds=2, writes="false", drain_seconds=0
    ) as running:
        time.sleep(0.2)  # who asked whether it is ready is gone by then
        with ExitStack() as held:
            address = ("127.0.0.1", running.port)
            several = [socket.create_connection(address, 10) for _ in range(4)]
            for connection in several:
                held.enter_context(connection).sendall(request)
            answers = [connection.recv(65_536) for connection in several]
            refused = ask(running.port, "/healthz")
            for connection in several:
                while connection.recv(65_536):  # until it is closed
                    pass
            found = ask(running.port, "/healthz")

    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    assert (503, "overloaded") == (refused.status, refused.json["code"])
    assert ("1", "close") == (refused.headers["retry-after"], refused.headers["connection"])
    assert 200 == found.status


def test_feedback_ends_at_its_size(tmp_path: Path) -> None:
    """A stranger with a key fills no disk; what was taken stays whole."""
    feedback = Feedback(tmp_path / "feedback.jsonl", max_bytes=200)
    event = {"kind": "click", "request_id": "x" * 50}
    feedback.append([event])
    with pytest.raises(ProblemError, match="full"):
        feedback.append([event] * 3)

    assert 1 == len((tmp_path / "feedback.jsonl").read_bytes().splitlines())
