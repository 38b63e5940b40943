"""The timeline of a cell as a small SVG: runnable threads against the budget."""

from __future__ import annotations

from collections.abc import Sequence

from .html import BEYOND, SERIES, Markup, element, join

#: The picture, in its own units: pixels where there is room.
WIDTH, HEIGHT = 620, 130
LEFT, RIGHT, TOP, BOTTOM = 30, 70, 8, 20

#: One moment: seconds since the beginning, runnable threads of each group.
Moment = tuple[float, Sequence[int]]


def color(group: int) -> str:
    """Return the color of a group; those past the last share it."""
    return SERIES[min(group, len(SERIES) - 1)]


def timeline(moments: Sequence[Moment], wall_seconds: float, budget: int) -> Markup:
    """Draw the runnable threads of each group, stacked, and the budget as a line.

    Parameters
    ----------
    moments : sequence of (float, sequence of int)
        Seconds since the beginning, and the runnable threads of each group then.
    wall_seconds : float
        The end of the time axis.
    budget : int
        CPUs that may be used.

    Returns
    -------
    Markup
        An ``svg`` element. It takes the page's own text color and needs no script.
    """
    most = max([budget, *(sum(counts) for _, counts in moments)])
    scale = _Scale(max(wall_seconds, 1e-9), most)
    groups = max((len(counts) for _, counts in moments), default=0)
    areas = [_area(moments, group, scale) for group in range(groups)]
    return element(
        "svg",
        element("title", f"Runnable threads over {wall_seconds:.3g} s; budget {budget} CPUs"),
        join(areas),
        _budget_line(budget, scale),
        _axes(wall_seconds, most, scale),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        font_size="11",
        font_family="inherit",
    )


class _Scale:
    """Seconds and threads as places in the picture."""

    def __init__(self, seconds: float, threads: int) -> None:
        self._seconds = seconds
        self._threads = threads * 1.08  # the highest line is not at the edge

    def x(self, seconds: float) -> float:
        share = min(seconds / self._seconds, 1)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, threads: float) -> float:
        return round(HEIGHT - BOTTOM - threads / self._threads * (HEIGHT - TOP - BOTTOM), 1)


def _area(moments: Sequence[Moment], group: int, scale: _Scale) -> Markup:
    """A group's steps, on top of the groups before it: a moment lasts until the next."""
    upper, lower = [], []
    ends = [*(at for at, _ in moments[1:]), float("inf")]
    for (at, counts), end in zip(moments, ends, strict=True):
        below = sum(counts[:group])
        for x in (scale.x(at), scale.x(end)):
            upper.append(f"{x},{scale.y(below + counts[group])}")
            lower.append(f"{x},{scale.y(below)}")
    points = " ".join([*upper, *reversed(lower)])
    return element("polygon", points=points, fill=color(group), fill_opacity="0.85")


def _budget_line(budget: int, scale: _Scale) -> Markup:
    y = scale.y(budget)
    line = element(
        "line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y,
        stroke=BEYOND, stroke_width="1.5", stroke_dasharray="5 3",
    )  # fmt: skip
    label = _text(f"budget {budget}", WIDTH - RIGHT + 6, y + 4, "start")
    return join((line, label))


def _axes(wall_seconds: float, most: int, scale: _Scale) -> Markup:
    base = scale.y(0)
    line = element(
        "line", x1=LEFT, x2=WIDTH - RIGHT, y1=base, y2=base,
        stroke="currentColor", stroke_opacity="0.5",
    )  # fmt: skip
    return join(
        (
            line,
            _text("0", LEFT - 6, base + 4, "end"),
            _text(str(most), LEFT - 6, scale.y(most) + 4, "end"),
            _text("0 s", LEFT, HEIGHT - 5, "start"),
            _text(f"{wall_seconds:.3g} s", WIDTH - RIGHT, HEIGHT - 5, "end"),
        )
    )


def _text(text: str, x: float, y: float, anchor: str) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, fill="currentColor")
