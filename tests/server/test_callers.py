"""The snippets of the guide, run as they stand: an answer, a copy of before, an empty block."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from benchmarks._load import Running
from benchmarks.load import free_port
from recommender.client import Client, ServiceError
from tests.server.asking import ask, raw

GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "guide"
ID = "sc-uk-0001"
T = TypeVar("T")


def snippet(page: str, name: str) -> str:
    """Return the block of a page whose fence names a file."""
    text = (GUIDE / page).read_text(encoding="utf-8")
    found = re.search(rf"^```\w+ (?:no-run )?{re.escape(name)}\n(.*?)^```$", text, re.M | re.S)
    assert found, f"{page} has no block {name}"
    return found[1]


def run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Return what a command prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def titles(service: Running) -> list[str]:
    """The titles that every caller must show."""
    cards = ask(service.port, f"/v1/articles/{ID}/related?limit=3").json["cards"]
    return [card["title"] for card in cards]


@pytest.fixture
def nobody() -> str:
    """An address where nobody answers."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address where somebody listens and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


# --- the first command of each page ---


@pytest.mark.parametrize("page", ["service.md", *sorted(p.name for p in GUIDE.glob("calling-*"))])
def test_command_that_shows_the_service_working_does(
    page: str, service: Running, tmp_path: Path
) -> None:
    """The first thing that whoever reads the page tries."""
    text = (GUIDE / page).read_text(encoding="utf-8")
    command = re.search(r"^\$ (curl .*)$", text, re.M)
    assert command is not None
    assert text[: command.start()].count("\n") < 12
    local = command[1].replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")

    told = run(["sh", "-c", local], tmp_path, {})

    if ".html" in local:
        assert 3 == told.count('<a class="onward__link"')
    else:
        assert 3 == len(json.loads(told)["cards"])


# --- the client ---


def test_client_gives_the_block_and_asks_once_a_minute(service: Running, titles: list[str]) -> None:
    """The second call is answered from memory."""
    news = Client(f"http://127.0.0.1:{service.port}", timeout=10)
    block = news.related(ID, limit=3)

    assert titles == [card["title"] for card in block["cards"]]
    assert block is news.related(ID, limit=3)
    url = block["source"]["url"]
    assert titles == [card["title"] for card in news.related_to_url(url, limit=3)["cards"]]


def test_client_without_an_answer_gives_the_copy_and_then_an_empty_block(
    service: Running, titles: list[str], nobody: str, silent: str
) -> None:
    """Refused, silent: a page is never without a block, and never waits long."""
    news = Client(f"http://127.0.0.1:{service.port}", timeout=10, fresh_seconds=0)
    news.related(ID, limit=3)
    for address in (nobody, silent):
        other = Client(address, timeout=0.05)
        news._host, news._port, news._timeout = other._host, other._port, 0.05
        assert titles == [card["title"] for card in news.related(ID, limit=3)["cards"]]
        assert [] == other.related(ID, limit=3)["cards"]
    news._stale = 0
    assert [] == news.related(ID, limit=3)["cards"]


def test_client_counts_a_drip_against_its_one_deadline() -> None:
    """A byte now and then, each in time, is no answer in time."""
    import threading

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        over = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.02):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        dripper = threading.Thread(target=drip)
        dripper.start()
        news = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.3)
        try:
            assert [] == news.related(ID)["cards"]
        finally:
            over.set()
            dripper.join()


def test_client_changes_the_index_and_tells_what_is_refused(service: Running) -> None:
    """What is no page view raises."""
    news = Client(f"http://127.0.0.1:{service.port}", timeout=30)
    put = news.put({"id": "from/client", "title": "Міст", "body": "Міст через Остру", "lang": "uk"})
    draft = news.related_to_draft({"title": "Міст", "lang": "uk"}, limit=1)
    gone = news.delete("from/client")

    assert (1, 1, 1) == (put["added"], len(draft["cards"]), gone["deleted"])
    assert [] == news.related("nowhere")["cards"]
    with pytest.raises(ServiceError, match="422 impossible"):
        news.related_to_draft({"title": ""})
    with pytest.raises(ValueError, match="expected such as"):
        Client("ftp://x")


# --- backends ---


def test_php_snippet(
    service: Running, titles: list[str], nobody: str, silent: str, tmp_path: Path
) -> None:
    """An answer; a copy of before; an empty block."""
    php = shutil.which("php")
    if php is None:
        pytest.skip("PHP is not installed (Debian: php-cli)")
    (tmp_path / "onward.php").write_text(snippet("calling-from-php.md", "onward.php"))
    (tmp_path / "page.php").write_text(
        "<?php require 'onward.php';"
        " echo json_encode(array_column(onward_cards($argv[1], 3), 'title'));"
    )

    def page(address: str, key: str = ID) -> list[str]:
        environment = {"RECOMMENDER_URL": address, "TMPDIR": str(tmp_path)}
        titles: list[str] = json.loads(run([php, "page.php", key], tmp_path, environment))
        return titles

    good = f"http://127.0.0.1:{service.port}"
    assert titles == _until_answered(lambda: page(good))
    for copy in tmp_path.glob("onward-*.json"):
        os.utime(copy, (time.time() - 3600,) * 2)
    for address in (nobody, silent):
        assert titles == page(address)
        assert [] == page(address, "another")
    assert [] == page(good, "nowhere")


def test_node_snippet(
    service: Running, titles: list[str], nobody: str, silent: str, tmp_path: Path
) -> None:
    """An answer; a copy of before; an empty block."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed (Debian: nodejs)")
    (tmp_path / "onward.mjs").write_text(snippet("calling-from-node.md", "onward.mjs"))
    (tmp_path / "page.mjs").write_text(
        'import { onwardCards } from "./onward.mjs";\n'
        "const [good, nobody, silent, id] = process.argv.slice(2);\n"
        "const out = []; const now = Date.now;\n"
        "for (const url of [good, nobody, silent]) {\n"
        "  process.env.RECOMMENDER_URL = url;\n"
        "  let cards = await onwardCards(id, 3);\n"
        "  for (let i = 0; url === good && i < 50 && !cards.length; i++)\n"
        "    cards = await onwardCards(id, 3);\n"
        "  out.push(cards.map((card) => card.title));\n"
        "  out.push(await onwardCards('nowhere', 3));\n"
        "  const passed = out.length * 1800e3; Date.now = () => now() + passed;\n"
        "}\n"
        "console.log(JSON.stringify(out));\n"
    )
    good = f"http://127.0.0.1:{service.port}"

    out = json.loads(run([node, "page.mjs", good, nobody, silent, ID], tmp_path, {}))

    assert [titles, [], titles, [], titles, []] == out


def test_django_snippet(service: Running, titles: list[str], nobody: str, tmp_path: Path) -> None:
    """A page of a template, and the same page when nobody answers."""
    pytest.importorskip("django", reason="Django is not installed")
    app = tmp_path / "news" / "templatetags"
    app.mkdir(parents=True)
    for folder in (app, app.parent):
        (folder / "__init__.py").touch()
    (app / "onward.py").write_text(snippet("calling-from-django.md", "onward.py"))
    (tmp_path / "onward.html").write_text(snippet("calling-from-django.md", "onward.html"))
    (tmp_path / "page.py").write_text(
        "import sys, time, django\n"
        "from django.conf import settings\n"
        "settings.configure(INSTALLED_APPS=['news'], RECOMMENDER_URL=sys.argv[1],\n"
        "    RECOMMENDER_KEY=None, TEMPLATES=[{'DIRS': ['.'],\n"
        "    'BACKEND': 'django.template.backends.django.DjangoTemplates'}])\n"
        "django.setup()\n"
        "from django.template import engines\n"
        "source = '{% load onward %}{% onward \"' + sys.argv[2] + '\" 3 %}'\n"
        "page = engines['django'].from_string(source)\n"
        "for _ in range(20):\n"
        "    text = page.render()\n"
        "    if text: break\n"
        "print(text)\n"
    )
    path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{GUIDE.parent.parent}"}
    command = [sys.executable, "page.py"]

    page = run([*command, f"http://127.0.0.1:{service.port}", ID], tmp_path, path)
    empty = run([*command, nobody, ID], tmp_path, path)

    assert "" == empty.strip()
    assert len(titles) == page.count("<li>")
    assert page.count("<aside") == 1


@pytest.mark.full
def test_nginx_snippet(sample_index: Path, titles: list[str], tmp_path: Path) -> None:
    """The block in a page by SSI; the copy of it when the service is gone; else nothing."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    port = free_port()
    (tmp_path / "html").mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    (tmp_path / "html" / "a.html").write_text(f'[<!--#include virtual="/onward/{ID}.html" -->]')
    (tmp_path / "html" / "b.html").write_text('[<!--#include virtual="/onward/nowhere.html" -->]')
    short = {"fresh_seconds": 1, "old_seconds": 1}
    with Running(sample_index, writes="false", drain_seconds=0, **short) as running:
        conf = snippet("calling-through-nginx.md", "onward.conf")
        for said, here in {
            "/var/cache/nginx/onward": f"{tmp_path}/cache",
            "127.0.0.1:8000": f"127.0.0.1:{running.port}",
            "listen 80": f"listen 127.0.0.1:{port}",
            "/var/www/html": f"{tmp_path}/html",
            "100ms": "5s",
            "200ms": "5s",
        }.items():
            assert said in conf
            conf = conf.replace(said, here)
        user = "user root;" if os.getuid() == 0 else ""
        (tmp_path / "nginx.conf").write_text(
            f"{user}\ndaemon off;\npid {tmp_path}/pid;\nevents {{ }}\n"
            f"http {{\naccess_log off;\n{conf}\n}}\n"
        )
        command = [nginx, "-p", str(tmp_path), "-c", "nginx.conf", "-e", str(tmp_path / "log")]
        with subprocess.Popen(command) as front:
            try:
                page = _until_answered(lambda: _page(port, "a"))
                empty = _page(port, "b")
                running.stop()
                end = time.monotonic() + 1.5  # by then what nginx has is outdated
                while time.monotonic() < end:
                    copy = _page(port, "a")
            finally:
                front.terminate()

    for text in (page, copy):
        assert 6 == text.count('class="onward__link"')
        assert titles[0] in text
    assert "[]" == empty


def _page(port: int, name: str) -> str:
    head = f"GET /{name}.html HTTP/1.0\r\nHost: localhost\r\n\r\n"
    try:
        return raw(port, head.encode()).decode().partition("\r\n\r\n")[2]
    except OSError:
        return ""


def _until_answered(found: Callable[[], T]) -> T:
    """Return what is found as soon as there is something: 200 ms are short on a busy machine."""
    end = time.monotonic() + 30
    while True:
        value = found()
        if value or time.monotonic() > end:
            return value
