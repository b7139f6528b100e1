"""How things look to a person: progress, blocks, tables. Plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from recommender.article import Block, Card, Source
from recommender.cli._streams import harmless

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = [
    "as_text",
    "columns",
    "draw_block",
    "megabytes",
    "moment",
    "progress",
    "say",
    "say_notices",
    "table",
    "tell",
]

_STEPS = {
    "read": "Reading articles",
    "count": "Counting terms",
    "write": "Writing the index",
    "neighbours": "Finding neighbours",
    "export": "Searching",
    "articles": "Looking at articles",
    "replay": "Searching the past",
    "weigh": "Comparing cards",
    "vary": "Varying lists",
    "tune": "Trying settings",
}
_PLAIN_SECONDS = 5.0
_BAR = 10


def _out() -> Console:
    """Return the console for data: stdout, as wide as the terminal, 100 columns elsewhere."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, width=100)
    return console


def say(message: str) -> None:
    """Print talk: a line on stderr."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text(harmless(message)))


def say_notices(found: Mapping[str, int]) -> None:
    """Say what was left out, a line each."""
    for what, n in found.items():
        say(f"note: {n:,} {what}")


def tell(message: str, *, style: str = "") -> None:
    """Print a line of the answer on stdout, whatever is in it."""
    _out().print(Text(harmless(message), style=style), soft_wrap=True)


@contextmanager
def progress() -> Iterator[Any]:
    """Yield a callable ``(step, done, total)`` that shows how far long work is, on stderr."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _PlainProgress()
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[done]}"),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", style="cyan"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield _BarProgress(bars)


class _BarProgress:
    """Bars for a terminal, one a step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def __call__(self, step: str, done: int, total: int | None) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(
                _STEPS.get(step, step), total=total, rate="", done="", left=""
            )
        task = next(t for t in self._bars.tasks if t.id == self._tasks[step])
        rate = f"{done / task.elapsed:,.0f}/s" if task.elapsed and done else ""
        about = "~" if step == "read" and done != total else ""
        shown = f"{done:,} of {about}{total:,}" if total else f"{done:,}"
        # The total of a step may be a guess that moves, so the time left is reckoned here.
        left = (task.elapsed or 0.0) * (total - done) / done if total and done else None
        self._bars.update(task.id, completed=done, total=total, rate=rate, done=shown)
        self._bars.update(task.id, left="" if left is None else f"{left:.0f} s left")


class _PlainProgress:
    """A line every few seconds for logs."""

    def __init__(self) -> None:
        self._started = self._last = time.monotonic()

    def __call__(self, step: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._last < _PLAIN_SECONDS:
            return
        self._last = now
        of = f" of {total:,}" if total else ""
        say(f"{_STEPS.get(step, step)}: {done:,}{of} after {now - self._started:.0f} s")


# --- blocks ---


def draw_block(block: Block, *, explain: bool = False) -> None:
    """Print a block the way a reader meets it, with why each card is there."""
    console = _out()
    source = block.source
    heading = Text(harmless(source.title or _untitled(source)), style="bold")
    console.print(Text("Other News for", style="dim"), heading)
    console.print(Rule(style="dim"))
    if not block.cards:
        console.print(Text(_no_card(block)))
    for card in block.cards:
        console.print(_card(card, explain))
    info = block.index
    found = f"{len(block.cards)} of {info.articles:,} articles"
    tail = f"{found} · generation {info.generation} · {block.took_ms:.1f} ms"
    for twin in block.twins:
        console.print(Text(harmless(f"the same in {twin.lang}: {twin.title} · {twin.id}")))
    if block.removed:
        rows = [(r.id, r.step, r.reason) for r in block.removed]
        heads = {"left out": "left", "by": "left", "because": "fold"}
        columns(heads, rows, title=f"{len(rows)} near ones are no cards")
    console.print(Text(tail, style="dim"))
    for key in block.missing_ids:
        say(f"note: no article {key!r} in this index")


def _untitled(source: Source) -> str:
    return source.id or "(draft, or several articles)"


def _no_card(block: Block) -> str:
    if block.barred:
        return f"No block here: {block.barred}."
    return (
        f"No card: no other article in this language ({block.source.lang or 'unknown'}) shares a "
        "weighty term above the threshold. Try --languages any, or a lower --threshold."
    )


def _card(card: Card, explain: bool) -> Padding:
    title = Table.grid(expand=True, padding=(0, 1))
    title.add_column(width=2, justify="right")
    title.add_column(ratio=1)
    title.add_column(justify="right", no_wrap=True)
    title.add_row(
        Text(str(card.rank), style="dim"),
        Text(harmless(card.title or card.id), style="bold cyan"),
        _score(card.score),
    )
    facts = [card.section, _day(card.published_at), card.lang, card.label, card.id]
    facts += [card.role or (card.origin if card.origin != "similar" else None)]
    if card.copies:
        facts.append(f"also told in {', '.join(card.copies)}")
    lines = [Text(" · ".join(harmless(f) for f in facts if f), style="dim")]
    if card.lead:
        lines.append(Text(harmless(card.lead), overflow="ellipsis", no_wrap=True))
    lines.append(_why(card, explain))
    return Padding(Group(title, Padding(Group(*lines), (0, 0, 0, 3))), (0, 0, 1, 0))


def _score(score: float) -> Text:
    filled = min(_BAR, round(score * _BAR))
    return Text.assemble(
        (f"{score:.3f} ", ""), ("█" * filled, "green"), ("░" * (_BAR - filled), "dim")
    )


def _why(card: Card, explain: bool) -> Text:
    if explain:
        parts = ", ".join(
            f"{r.term} {r.share:+.3f}" if r.kind == "step" else f"{r.term} {r.share:.3f}"
            for r in card.why
        )
    else:
        parts = ", ".join(r.term for r in card.why)
    return Text.assemble(("why: ", "dim"), (harmless(parts) or "-", "green"))


def _day(when: datetime | None) -> str | None:
    return f"{when.day} {when:%b %Y}" if when else None


# --- tables ---


def table(rows: Mapping[str, Any], *, title: str | None = None) -> None:
    """Print names and values as two columns."""
    console = _out()
    if title:
        console.print(_heading(title))
    grid = Table(show_header=False, box=None)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(Text(harmless(name)), Text(harmless(as_text(value))))
    console.print(grid)


def columns(heads: Mapping[str, str], rows: Sequence[Sequence[str]], *, title: str) -> None:
    """Print rows under heads.

    Parameters
    ----------
    heads : name of each column to "left", "right", or "fold": left, and broken where too long
    """
    console = _out()
    console.print(_heading(title))
    grid = Table(box=None, header_style="dim", pad_edge=True)
    for name, side in heads.items():
        justify: Any = "right" if side == "right" else "left"
        grid.add_column(name, justify=justify, no_wrap=side != "fold", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(harmless(cell)) for cell in row))
    console.print(grid)


def _heading(title: str) -> Text:
    """Return a title; a line end before it stays an empty line."""
    above = "\n" if title.startswith("\n") else ""
    return Text(above + harmless(title.strip("\n")), style="bold")


def moment(text: str | None) -> str:
    """Return a stored moment for people, in UTC."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}" if text else "-"


def as_text(value: Any) -> str:
    """Return a value the way people write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {as_text(v)}" for k, v in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(as_text(v) for v in value) or "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value in (None, "") else str(value)


def megabytes(n_bytes: float) -> str:
    """Return a size for people."""
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:,.1f} kB"
