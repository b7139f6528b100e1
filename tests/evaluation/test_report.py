"""Reports: what they say, what they escape, and how a browser takes them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import recommender
from recommender import Recommender
from recommender.evaluation._html import join, link, page, tag
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.comparing import compare
from recommender.evaluation.comparison import comparison_page
from recommender.evaluation.derived import judgements_of
from recommender.evaluation.judgements import from_pairs
from recommender.evaluation.judging import judging_page, pooled
from recommender.evaluation.logs import read_log
from recommender.evaluation.measuring import evaluate
from recommender.evaluation.report import example_queries, report_page, worst_queries
from recommender.evaluation.runs import Run, live_run

EVIL = "https://evil.example/x"
HOSTILE = (
    f'<script>document.title="owned"</script><img src="{EVIL}" onerror="document.title=\'owned\'">'
    '"><svg onload=document.title="owned">',
    "</title></style><script src=https://evil.example/x></script>",
    "'><a href=\"javascript:document.title='owned'\">\u202e\0x</a>",
    f"<link rel=stylesheet href={EVIL}><iframe src={EVIL}></iframe>{{{{7*7}}}}<!--",
)


def hostile_rows() -> list[dict[str, Any]]:
    """Return articles that try to break out of every field."""
    return [
        {
            "id": f"h{i}\"'><blink>",
            "title": f"Bridge closed {HOSTILE[i % len(HOSTILE)]}",
            "lead": f"Lorries {HOSTILE[(i + 1) % len(HOSTILE)]}",
            "body": f"bridge lorries river {'crack ' * (i % 3)}",
            "section": HOSTILE[i % 2],
            "label": HOSTILE[2],
            "url": "javascript:document.title='owned'" if i % 2 else f"{EVIL}?{i}",
            "date": f"2026-03-{i + 1:02}",
            "lang": "en",
        }
        for i in range(8)
    ]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every kind of page, of hostile articles."""
    folder = tmp_path_factory.mktemp("hostile")
    model = recommender.build(hostile_rows(), folder / "m")
    catalog = Catalog(model.index)
    ids = catalog.ids
    truth = from_pairs(HOSTILE[0], {ids[0]: {ids[1]: 2, ids[2]: 0}, ids[3]: {ids[4]: 1}})
    log = folder / "log.jsonl"
    row = {"query": ids[0], "shown": [ids[1]], "clicked": [ids[1]], "propensity": [0.5]}
    log.write_text(json.dumps(row), "utf-8")
    run = live_run(model, limit=10, name=HOSTILE[1])
    found = evaluate(model, truth, run=run, catalog=catalog, log=read_log(log))
    worse = Run(HOSTILE[0], {query: items[::-1] for query, items in run.lists.items()})
    return {
        "report": report_page(found, model, title=HOSTILE[0]),
        "unjudged": report_page(evaluate(model, catalog=catalog), model),
        "comparison": comparison_page(compare([run, worse], truth), catalog),
        "judging": judging_page(pooled([run, worse], catalog), catalog),
    }


class Seen(HTMLParser):
    """The elements of a page, and where anything in it leads."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.leads: list[tuple[str, str]] = []
        self.handlers: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.names.append(name)
        for key, value in attributes:
            if key in ("href", "src", "action", "srcset", "data"):
                self.leads.append((name, value or ""))
            if key.startswith("on"):
                self.handlers.append(key)


@pytest.mark.parametrize("name", ["report", "unjudged", "comparison", "judging"])
def test_page_of_hostile_articles_has_our_elements_only(pages: dict[str, str], name: str) -> None:
    """No script but our own, no picture, no frame, no handler, no address but of links."""
    seen = Seen()
    seen.feed(pages[name])

    assert not {*seen.names} & {"img", "iframe", "object", "embed", "base", "script", "blink"} - (
        {"script"} if name == "judging" else set()
    )
    assert seen.names.count("script") == (1 if name == "judging" else 0)
    assert {element for element, _ in seen.leads} <= {"a"}
    assert all(address.startswith("https://") for _, address in seen.leads)
    assert [] == seen.handlers
    assert not re.search("[\0\u202e]", pages[name])


def test_tags_escape_every_text_and_attribute() -> None:
    """What is not made by tag is text."""
    assert '<p title="&quot;&gt;">&lt;b&gt;<i>x</i></p>' == tag(
        "p", "<b>", [tag("i", "x"), None], title='">'
    )
    assert "<span>x</span>" == link("javascript:alert(1)", "x")
    assert "<span>x</span>" == link(" https://a.example", "x")
    assert 'href="https://a.example/?a=1&amp;b=&quot;"' in link('https://a.example/?a=1&b="', "x")
    assert "a&lt;1" == join(["a<", 1])


def test_page_forbids_requests_and_foreign_scripts() -> None:
    """The policy is in the page, and lets our own script pass by its digest."""
    plain, scripted = page("t", [], ["x"]), page("t", [], ["x"], script="void 0;")

    assert "default-src 'none'" in plain
    assert "script-src" not in plain
    assert re.search(r"script-src 'sha256-[\w+/=]{44}'", scripted)


def test_report_of_the_corpus_says_and_shows_what_it_promises(
    news: Recommender, sample: Path
) -> None:
    """A verdict first, then plots, sections, blocks with reasons and marks, orphans, hubs."""
    catalog = Catalog(news.index)
    truth = judgements_of(str(sample / "judgements.tsv"), catalog)
    found = evaluate(news, truth, catalog=catalog)
    text = report_page(found, news)

    for words in (
        "Quality, with 95 % intervals",
        "Who gets the places",
        "How old cards are",
        "Scores of cards",
        "What more variety would cost",
        "Section by section",
        "As readers meet it",
        "Worst cases",
        "Orphans and hubs",
        "By language",
        "✓ relevant, grade 2",
        "? not judged",
        "why: ",
        "Relevant, and not among these cards",
        "tells the same, and takes no card:",
    ):
        assert words in text, words
    assert text.index("verdict") < text.index("<svg")
    assert text.count("<svg") >= 7
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text).casefold().split()
    assert text == report_page(found, news)
    ranked = worst_queries(found, 3)
    assert ranked[0] in text
    assert len(example_queries(found, 6)) == 6


# --- in a browser ---

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def browse(path: Path, *more: str) -> tuple[str, str]:
    """Open a page in a browser without a window; return its elements then, and what it logged."""
    assert CHROMIUM is not None
    switches = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--enable-logging=stderr",
        f"--user-data-dir={path.parent / 'profile'}",
        f"--log-net-log={path.parent / 'net.json'}",
        "--net-log-capture-mode=Everything",
        "--virtual-time-budget=2000",
    )
    done = subprocess.run(
        [CHROMIUM, *switches, *more, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout, done.stderr


def asked_for(folder: Path) -> set[str]:
    """Return the addresses that the browser asked the network for."""
    text = (folder / "net.json").read_text("utf-8", errors="replace")
    found = re.findall(r'"url":"((?:https?|wss?|ftp):[^"]*)"', text)
    return {url for url in found if "evil" in url or "example" in url}


@needs_chromium
@pytest.mark.parametrize(
    ("name", "guarded"),
    [
        ("report", False),
        pytest.param("report", True, marks=pytest.mark.full),
        pytest.param("comparison", False, marks=pytest.mark.full),
        pytest.param("comparison", True, marks=pytest.mark.full),
        pytest.param("judging", False, marks=pytest.mark.full),
        ("judging", True),
    ],
)
def test_browser_runs_no_foreign_script_and_asks_for_nothing(
    pages: dict[str, str], tmp_path: Path, name: str, guarded: bool
) -> None:
    """Hostile titles do nothing, with the page's policy and without it; the console is silent."""
    text = pages[name]
    if not guarded:
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    path = tmp_path / "page.html"
    path.write_text(text, "utf-8")
    elements, log = browse(path)
    title = re.search("<title>(.*?)</title>", elements, re.DOTALL)

    assert title is not None
    assert "owned" != title[1]
    assert "CONSOLE" not in log, log
    assert set() == asked_for(tmp_path)


@needs_chromium
def test_browser_check_would_notice_a_script_a_request_and_an_error(tmp_path: Path) -> None:
    """The tests above can fail: a page that does all three is seen to."""
    path = tmp_path / "page.html"
    path.write_text(
        f"<title>t</title><img src={EVIL}><script>document.title='owned';missing()</script>",
        "utf-8",
    )
    elements, log = browse(path)

    assert "<title>owned</title>" in elements
    assert "CONSOLE" in log
    assert {EVIL} == asked_for(tmp_path)


@needs_chromium
@pytest.mark.full
@pytest.mark.parametrize("name", ["report", "comparison", "judging"])
def test_page_is_no_wider_than_a_phone(pages: dict[str, str], tmp_path: Path, name: str) -> None:
    """At 360 points nothing sticks out sideways."""
    probe = (
        "<iframe id=f style='width:360px;height:2000px' src='page.html'></iframe><script>"
        "onload=()=>{const d=document.getElementById('f').contentDocument.documentElement;"
        "document.title='wide '+d.scrollWidth}</script>"
    )
    (tmp_path / "page.html").write_text(pages[name], "utf-8")
    (tmp_path / "probe.html").write_text(f"<title>t</title>{probe}", "utf-8")
    elements, _ = browse(tmp_path / "probe.html", "--allow-file-access-from-files")
    found = re.search(r"<title>wide (\d+)</title>", elements)

    assert found is not None, elements[:300]
    assert int(found[1]) <= 360


DRIVER = """
const press = (key) =>
  document.dispatchEvent(new KeyboardEvent("keydown", {key, cancelable: true}));
const saved = [];
URL.createObjectURL = (blob) => { saved.push(blob); return "#saved"; };
document.getElementById("judge").value = "Ann";
press("3"); press("0"); press("j"); press("2"); press("k"); press("u"); press("n"); press("1");
press("s");
saved[0].text().then((text) => {
  document.title = "saved " + btoa(unescape(encodeURIComponent(text)));
});
"""


@needs_chromium
def test_judging_page_is_driven_by_keys_and_saves_what_was_marked(
    pages: dict[str, str], tmp_path: Path
) -> None:
    """Marks given by keys alone come back as a file that can be read."""
    import base64

    from recommender.evaluation.judging import read_marks

    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", pages["judging"])
    path = tmp_path / "page.html"
    path.write_text(text.replace("</body>", f"<script>{DRIVER}</script></body>"), "utf-8")
    elements, log = browse(path)
    title = re.search(r"<title>saved ([\w+/=]+)</title>", elements)

    assert title is not None, log
    (tmp_path / "marks.json").write_bytes(base64.b64decode(title[1]))
    found = read_marks([tmp_path / "marks.json"])
    shown = re.findall(r'data-query="([^"]*)" data-article="([^"]*)"', pages["judging"])
    import html

    pairs = [(html.unescape(query), html.unescape(article)) for query, article in shown]
    # 3 on the first, 0 on the second, j skips the third, 2 on the fourth; k goes back from the
    # fifth to the fourth, u takes its mark away, n goes on to the fifth.
    assert {pairs[0]: {"Ann": 3}, pairs[1]: {"Ann": 0}, pairs[4]: {"Ann": 1}} == found.marks
