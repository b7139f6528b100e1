"""Plots as SVG in the page: no script, no picture files, colours from the style sheet.

Every plot is 340 units wide, so that its letters can be read on a phone, and says in words what it
shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from recommender.evaluation._html import Html, tag

__all__ = ["bars", "curve", "histogram", "percent", "scatter", "whiskers"]

WIDTH = 340.0
_ROW = 24.0
_NAME = 118.0
_VALUE = 46.0
_LETTER = 7.0

Row = tuple[str, float | None, float | None, float | None]
"""Name, value, and bounds of its interval."""


def percent(value: float | None) -> str:
    """Return a share for people, "-" where there is none."""
    return "-" if value is None else f"{100 * value:.0f} %"


def _svg(height: float, title: str, children: Sequence[Any]) -> Html:
    box = f"0 0 {WIDTH:g} {height:g}"
    return tag("svg", tag("title", title), *children, viewBox=box, role="img", class_="plot")


def _text(x: float, y: float, words: str, **more: Any) -> Html:
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", **more)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=kind)


def _rect(x: float, y: float, wide: float, high: float, kind: str) -> Html:
    return tag(
        "rect",
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{max(0.0, wide):.1f}",
        height=f"{max(0.0, high):.1f}",
        class_=kind,
    )


def _short(words: str) -> str:
    most = int(_NAME / _LETTER)
    return words if len(words) <= most else words[: most - 1] + "…"


def whiskers(rows: Sequence[Row], title: str, *, low: float = 0.0, high: float = 1.0) -> Html:
    """Return a dot a row with its interval as a line, on a scale from low to high."""
    span = (high - low) or 1.0
    left, right = _NAME, WIDTH - _VALUE
    height = _ROW * len(rows) + 20.0

    def at(value: float) -> float:
        return left + (right - left) * min(1.0, max(0.0, (value - low) / span))

    ticks = [low + span * i / 4 for i in range(5)]
    drawn: list[Any] = [_line(at(t), 0, at(t), height - 18, "grid") for t in ticks]
    drawn += [_text(at(t), height - 4, f"{t:g}", text_anchor="middle", class_="dim") for t in ticks]
    for i, (name, value, least, most) in enumerate(rows):
        y = _ROW * i + _ROW / 2
        drawn.append(_text(left - 8, y + 4, _short(name), text_anchor="end"))
        if value is None:
            drawn.append(_text(right + 6, y + 4, "-", class_="dim"))
            continue
        if least is not None and most is not None:
            drawn.append(_line(at(least), y, at(most), y, "interval"))
        drawn.append(tag("circle", cx=f"{at(value):.1f}", cy=f"{y:.1f}", r="4.5", class_="dot"))
        drawn.append(_text(right + 6, y + 4, f"{value:.3f}"))
    return _svg(height, title, drawn)


def bars(rows: Sequence[Row], title: str, *, shown: Any = None, most: float | None = None) -> Html:
    """Return a bar a row; its interval, where there is one, as a line across its end.

    Parameters
    ----------
    shown : takes a value, returns how it is written; three decimals by default
    most : value of a full bar; the greatest by default
    """
    write = shown or (lambda value: f"{value:.3f}")
    top = most or max([value or 0.0 for _, value, _, _ in rows], default=0.0) or 1.0
    left, wide = _NAME, WIDTH - _NAME - _VALUE
    drawn: list[Any] = []
    for i, (name, value, low, high) in enumerate(rows):
        y = _ROW * i
        drawn.append(_text(left - 8, y + 16, _short(name), text_anchor="end"))
        drawn.append(_rect(left, y + 5, wide, 14, "rail"))
        if value is None:
            drawn.append(_text(left + wide + 6, y + 16, "-", class_="dim"))
            continue
        drawn.append(_rect(left, y + 5, wide * min(1.0, value / top), 14, "bar"))
        if low is not None and high is not None:
            ends = [left + wide * min(1.0, end / top) for end in (low, high)]
            drawn.append(_line(ends[0], y + 12, ends[1], y + 12, "interval"))
        drawn.append(_text(left + wide + 6, y + 16, write(value)))
    return _svg(_ROW * len(rows) + 4, title, drawn)


_HIGH = 150.0
_EDGE = 34.0


def histogram(counts: Sequence[int], names: Sequence[str], title: str) -> Html:
    """Return a column for each count; as many names below as there are room for."""
    top, n = max([*counts, 1]), len(counts)
    step = (WIDTH - _EDGE) / max(1, n)
    drawn: list[Any] = [
        _line(_EDGE, _HIGH, WIDTH, _HIGH, "axis"),
        _text(_EDGE - 4, 12, _brief(top), text_anchor="end", class_="dim"),
        _text(_EDGE - 4, _HIGH, "0", text_anchor="end", class_="dim"),
    ]
    room = _LETTER * max((len(name) for name in names), default=1) + 2
    every = max(1, math.ceil(room / step))
    for i, count in enumerate(counts):
        high = (_HIGH - 4) * count / top
        drawn.append(_rect(_EDGE + step * i + 1, _HIGH - high, step - 2, high, "bar"))
        if i % every == 0:
            x = _EDGE + step * (i + 0.5)
            drawn.append(_text(x, _HIGH + 16, names[i], text_anchor="middle", class_="dim"))
    return _svg(_HIGH + 22, title, drawn)


def _brief(n: int) -> str:
    """Return a count that is narrow enough to stand beside an axis."""
    if n < 10_000:
        return f"{n:,}" if n < 1000 else f"{n}"
    return f"{n / 1000:.0f}k" if n < 1_000_000 else f"{n / 1e6:.0f}M"


def curve(
    points: Sequence[tuple[float, float]], title: str, *, across: str, up: str, even: bool = False
) -> Html:
    """Return a line through points of 0..1 by 0..1.

    Parameters
    ----------
    across, up : what the axes are, in words
    even : draw the diagonal as well, where all shares were equal
    """
    place = [_at(x, y) for x, y in points]
    drawn: list[Any] = _axes(across, ("0", "100 %"), ("0", "100 %"))
    drawn.append(_text(_EDGE + 10, 22, up, class_="dim"))
    if even:
        drawn.append(_line(*_at(0, 0), *_at(1, 1), "grid"))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in place)
    drawn.append(tag("polyline", points=path, class_="curve"))
    return _svg(_HIGH + 40, title, drawn)


def scatter(
    points: Sequence[tuple[str, float, float]], title: str, *, across: str, up: str
) -> Html:
    """Return named points joined in their order, each axis as long as the points need."""
    xs, ys = _bounds([x for _, x, _ in points]), _bounds([y for _, _, y in points])
    place = [
        _at((x - xs[0]) / (xs[1] - xs[0]), (y - ys[0]) / (ys[1] - ys[0])) for _, x, y in points
    ]
    ends = ((f"{xs[0]:.2f}", f"{xs[1]:.2f}"), (f"{ys[0]:.2f}", f"{ys[1]:.2f}"))
    drawn: list[Any] = _axes(across, *ends)
    drawn.append(_text(WIDTH - 8, 16, up, text_anchor="end", class_="dim"))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in place)
    drawn.append(tag("polyline", points=path, class_="curve thin"))
    for (name, _, _), (x, y) in zip(points, place, strict=True):
        drawn.append(tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="4", class_="dot"))
        drawn.append(_text(min(x + 6, WIDTH - 26), y - 6, name, class_="dim"))
    return _svg(_HIGH + 40, title, drawn)


def _at(x: float, y: float) -> tuple[float, float]:
    return _EDGE + 4 + (WIDTH - _EDGE - 12) * x, _HIGH + 2 - (_HIGH - 12) * y


def _axes(across: str, x_ends: tuple[str, str], y_ends: tuple[str, str]) -> list[Any]:
    (left, bottom), (right, top) = _at(0, 0), _at(1, 1)
    return [
        _line(left, bottom, right, bottom, "axis"),
        _line(left, bottom, left, top, "axis"),
        _text(left, bottom + 15, x_ends[0], class_="dim"),
        _text(right, bottom + 15, x_ends[1], text_anchor="end", class_="dim"),
        _text((left + right) / 2, bottom + 31, across, text_anchor="middle", class_="dim"),
        _text(left - 4, bottom, y_ends[0], text_anchor="end", class_="dim"),
        _text(left - 4, top + 10, y_ends[1], text_anchor="end", class_="dim"),
    ]


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.2 or 0.05
    return low - room, high + room
