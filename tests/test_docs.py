"""The documentation is true: examples run, names are complete, links lead somewhere.

How pages are written, so that this can be checked:

- A ```python block runs, all of a page in one namespace, top to bottom; one that begins with >>>
  is a doctest. ```python no-run is left alone.
- In a ```console block each ``$ recommender ...`` line runs; ``# exit code 3`` at its end is what
  it must end with. The lines below it must be in its output, in this order; ``...`` stands for
  lines left out; measured times and sizes, moments and versions may differ. A command with a word
  in capitals (ARTICLE-ID), and ```console no-run, are left alone.
- A block whose fence names a file (```toml recommender.toml) is written to that file first.

Each page runs in a folder of its own that holds data/sample, its index models/sample, the same
articles as articles.jsonl and articles.jsonl.gz, a draft.txt, and saved pages in pages/.
"""

from __future__ import annotations

import contextlib
import doctest
import gzip
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
import pytest

import recommender
from recommender import article, errors
from recommender.cli import cli, main
from recommender.config import Config
from recommender.index.manifest import Manifest
from recommender.index.opening import GENERATION_TYPES
from recommender.index.segment import ARRAY_TYPES
from recommender.ingest import NoticeKind, RejectionReason
from recommender.ingest.formats import SUFFIXES

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "models/*.md", "benchmarks/*.md", "data/**/*.md")
    for page in ROOT.glob(pattern)
)
NOT_RUN = ("docs/extraction.md", "docs/reference/")  # a reader's own page; generated

_FENCE = re.compile(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*)$", re.MULTILINE)
_EXIT_CODE = re.compile(r"#.*exit code (\d+)")
_PLACEHOLDER = re.compile(r"[A-Z]{2,}(-[A-Z]+)*")
_MEASURED = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d|\d+\.\d+\.\d+|\d[\d,.]* ?(?:s|ms|kB|MB|articles/s)\b"
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, what else its fence says, its text."""

    lang: str
    note: str
    text: str


def named(page: Path) -> str:
    """Return how a page is called in the list of tests."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [Block(*match.groups()) for match in _FENCE.finditer(page.read_text(encoding="utf-8"))]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def text_of(*names: str) -> str:
    """Return pages of docs/ joined."""
    return "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in names)


# --- examples ---


def runnable(page: Path) -> bool:
    """Tell whether a page has anything to run."""
    langs = {b.lang for b in blocks(page) if b.note != "no-run"}
    return bool(langs & {"python", "console"}) and not named(page).startswith(NOT_RUN)


@pytest.fixture
def reader(
    sample: Path, sample_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A reader's folder, as the module's docstring lists it; it is the current one."""
    (tmp_path / "data").mkdir()
    shutil.copytree(sample, tmp_path / "data" / "sample")
    shutil.copytree(sample_index, tmp_path / "models" / "sample")
    articles = (sample / "articles.jsonl").read_bytes()
    (tmp_path / "articles.jsonl").write_bytes(articles)
    (tmp_path / "articles.jsonl.gz").write_bytes(gzip.compress(articles))
    (tmp_path / "draft.txt").write_text("Міст закрили\n\nНа опорі мосту тріщина.", encoding="utf-8")
    (tmp_path / "pages").mkdir()
    for page in (ROOT / "tests" / "golden" / "pages").glob("*.html"):
        shutil.copy(page, tmp_path / "pages")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECOMMENDER_MODEL", raising=False)
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if runnable(p)], ids=named)
def test_examples_of_the_page_run_and_print_what_it_shows(reader: Path, page: Path) -> None:
    """What the page tells to type works, and gives what the page says it gives."""
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    for block in blocks(page):
        if block.note == "no-run":
            continue
        if block.note:
            target = reader / block.note
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.lang == "console":
            run_console(block.text)
        elif block.lang == "python":
            run_python(block.text, namespace, named(page))


def run_python(code: str, namespace: dict[str, Any], name: str) -> None:
    """Run a block in the namespace of its page."""
    if not code.startswith(">>>"):
        exec(compile(code, name, "exec"), namespace)
        return
    examples = doctest.DocTestParser().get_doctest(code, namespace, name, name, 0)
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(examples, out=report.write, clear_globs=False)
    namespace.update(examples.globs)
    assert runner.failures == 0, report.getvalue()


def run_console(text: str) -> None:
    """Run each ``$ recommender`` line and look for the lines shown below it."""
    for command, shown in conversations(text):
        words = shlex.split(command, comments=True)
        if words[0] == "make":
            assert words[1] in make_targets()
        if words[0] != "recommender" or any(_PLACEHOLDER.fullmatch(w) for w in words):
            continue
        expected = _EXIT_CODE.search(command)
        code, printed = call(words[1:])
        assert code == int(expected[1] if expected else 0), f"{command}\n{printed}"
        remaining = iter(printed.splitlines())
        for line in shown:
            found = line.strip() == "..." or any(matches(line, other) for other in remaining)
            assert found, f"{line}\nis not (or not here) in what {command!r} prints:\n{printed}"


def conversations(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block with the lines shown below it."""
    command, shown = "", list[str]()
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], []
        elif command.endswith("\\"):
            command = command[:-1] + line
        elif line.strip():
            shown.append(line)
    if command:
        yield command, shown


def call(words: list[str]) -> tuple[int, str]:
    """Run the command line in this process; return exit code and all it printed."""
    printed, data = io.StringIO(), io.StringIO()
    words, target = (words[:-2], words[-1]) if ">" in words else (words, None)
    out = data if target else printed
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(printed),
        pytest.raises(SystemExit) as end,
    ):
        main(words)
    if target:
        Path(target).write_text(data.getvalue(), encoding="utf-8")
    return int(end.value.code or 0), printed.getvalue()


def matches(shown: str, printed: str) -> bool:
    """Tell whether a line of output is the one shown; ``...`` at its end stands for the rest."""
    if shown.endswith("..."):
        return comparable(printed).startswith(comparable(shown[:-3]))
    return comparable(shown) == comparable(printed)


def comparable(line: str) -> str:
    """Return a line of output without blanks at its ends and without measured figures."""
    return " ".join(_MEASURED.sub("#", line).split())


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


# --- completeness ---


def test_reference_pages_are_what_the_code_says() -> None:
    """The generated pages are generated from this code."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        timeout=120,
    )

    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_every_command_setting_and_public_name_has_its_heading() -> None:
    """Nothing that a user can say is missing from the reference."""
    cli_page, settings, api = (text_of(f"reference/{n}.md") for n in ("cli", "settings", "api"))

    for name in cli.list_commands(click.Context(cli)):
        assert f"\n## recommender {name}\n" in cli_page
    for section in fields(Config):
        for setting in fields(getattr(Config(), section.name)):
            assert f"\n### {section.name}.{setting.name}\n" in settings
    for name in set(recommender.__all__) - {"__version__"}:
        assert f"\n### recommender.{name}\n" in api


def values(names: Any) -> list[str]:
    """Return the texts of an enumeration."""
    return [str(name) for name in names]


def exit_codes() -> list[str]:
    """Return every code the command line can end with."""
    return ["0", "3", "130", *{str(getattr(errors, name).exit_code) for name in errors.__all__}]


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("guide/troubleshooting.md", lambda: errors.__all__),
        ("guide/reading-your-articles.md", lambda: values(RejectionReason)),
        ("guide/reading-your-articles.md", lambda: values(NoticeKind)),
        ("guide/reading-your-articles.md", lambda: SUFFIXES),
        ("guide/cleaning.md", lambda: values(article.AsideKind)),
        ("guide/connecting-a-site.md", lambda: [f.name for f in fields(article.Card)]),
        ("guide/connecting-a-site.md", lambda: [f.name for f in fields(article.Block)]),
        ("format.md", lambda: [f.name for f in fields(Manifest)]),
    ],
)
def test_page_names_every(page: str, names: Callable[[], Any]) -> None:
    """A new error, reason, field ... needs its words on its page."""
    text = text_of(page)

    assert [name for name in names() if f"`{name}`" not in text] == []


def test_nightly_job_lists_every_exit_code() -> None:
    """Whoever writes the cron line finds each code."""
    text = text_of("guide/nightly-job.md")

    assert [code for code in exit_codes() if f"| {code} |" not in text] == []


def test_format_page_gives_each_array_its_type() -> None:
    """Every file is in its table, with its type; the tables have no other, and none twice."""
    segment, _, own = text_of("format.md").partition("## Files of a generation")
    for text, types in ((segment, ARRAY_TYPES), (own, GENERATION_TYPES)):
        rows = re.findall(r"^\| `([\w.]+)\.npy` \| (\w+) \|", text, re.MULTILINE)

        assert sorted(types.items()) == sorted(rows)


def test_architecture_page_draws_the_floors_of_the_contract() -> None:
    """The drawing is the import contract, floor by floor."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    drawing = next(b.text for b in blocks(ROOT / "docs/architecture.md") if "weighting" in b.text)
    drawn = [line.split("  ")[0].strip() for line in drawing.splitlines()]

    assert layers == drawn


def test_contents_page_lists_every_page() -> None:
    """Each page of docs/ can be found from the contents."""
    contents = ROOT / "docs" / "README.md"
    listed = {(contents.parent / link).resolve() for link in _LINK.findall(prose(contents))}
    pages = {p for p in PAGES if named(p).startswith("docs/") and p != contents}

    assert pages - listed == set()


# --- links, paths ---


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    titles = [re.sub(r"[`*]", "", t).strip().lower() for t in _HEADING.findall(prose(page))]
    return {re.sub(r"[^\w\- ]", "", t).replace(" ", "-") for t in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_of_the_page_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """No link inside the project is broken."""
    broken = []
    for link in _LINK.findall(re.sub(r"`[^`]*`", "", prose(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_page_names_no_folder_of_one_machine(page: Path) -> None:
    """Paths are those of the reader's machine."""
    found = re.findall(r"(?<![\w.])/(?:home|work|Users|root)/\S*", page.read_text("utf-8"))

    assert found == []


# --- docstrings ---


def modules() -> list[str]:
    """Return the modules of the package that hold examples."""
    files = sorted((ROOT / "recommender").rglob("[!_]*.py"))
    found = [f for f in files if ">>>" in f.read_text(encoding="utf-8")]
    return [".".join(f.relative_to(ROOT).with_suffix("").parts) for f in found]


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_give_what_they_show(name: str) -> None:
    """The doctests of the package."""
    failed, tried = doctest.testmod(importlib.import_module(name))

    assert (failed, tried > 0) == (0, True)
