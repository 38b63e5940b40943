"""The pieces that every picture of an object is made of.

No script, nothing from a network, and text takes the page's own color, so that
it reads in light and dark themes. Text is escaped where an element is made:
only :class:`Markup` is taken as it is.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

#: Within the budget, and beyond it: dark and light enough for both themes.
WITHIN, BEYOND = "#2f9e78", "#dd6b2c"

#: Of the groups in a timeline; the last is for the rest.
SERIES = ("#3b82d6", "#dd6b2c", "#2f9e78", "#b45fc9", "#c9a227", "#8a8f98")

#: Twice, to weigh more than what JupyterLab says of tables.
_OURS = "div.poolkeeper.poolkeeper"

STYLE = f"""
{_OURS} {{ margin: .4em 0; font-variant-numeric: tabular-nums; line-height: 1.5 }}
{_OURS} p {{ margin: .3em 0 }}
{_OURS} table {{ border-collapse: collapse; border: 0; margin: .3em 0; width: auto }}
{_OURS} table tr, {_OURS} table td, {_OURS} table th {{ background: none;
  color: inherit; border: 0; text-align: left; vertical-align: baseline; white-space: nowrap }}
{_OURS} table td, {_OURS} table th {{ padding: .1em 1.2em .1em 0; max-width: none }}
{_OURS} table th {{ font-weight: 600 }}
{_OURS} table thead th {{ border-bottom: 1px solid rgba(128, 128, 128, .5) }}
{_OURS} table .number {{ text-align: right }}
{_OURS} .faint {{ opacity: .75 }}
{_OURS} .bar {{ display: inline-flex; width: 8em; height: .65em; margin-right: .6em;
  background: rgba(128, 128, 128, .25) }}
{_OURS} .within {{ background: {WITHIN} }}
{_OURS} .beyond {{ background: {BEYOND} }}
{_OURS} .note {{ border-left: 3px solid {BEYOND}; padding-left: .6em }}
{_OURS} .swatch {{ display: inline-block; width: .7em; height: .7em; margin-right: .5em }}
{_OURS} svg {{ display: block; max-width: 100%; height: auto; color: inherit }}
"""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Return an element; what is not Markup is escaped.

    Parameters
    ----------
    tag : str
        Its name.
    *children : object
        Its content, in order; ``None`` is left out.
    **attributes : object
        By name: an underscore at the end is taken off (``class_``), others become
        hyphens (``stroke_width``). ``None`` is left out.

    Examples
    --------
    >>> element("b", "1 < 2", class_="number")
    '<b class="number">1 &lt; 2</b>'
    """
    pairs = (
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{''.join(pairs)}>{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Markup:
    """Return everything in a row, escaped where it is not Markup."""
    return Markup("".join(_markup(child) for child in children if child is not None))


def _markup(child: object) -> str:
    return child if isinstance(child, Markup) else html.escape(str(child))


def table(
    header: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int]
) -> Markup:
    """Return a table.

    Parameters
    ----------
    header : sequence of str
        The columns' names.
    rows : iterable of sequence
        The cells of each row; ``None`` is unknown, and shows as a question mark.
    numbers : sequence of int
        The columns that hold numbers.
    """

    def row(tag: str, cells: Sequence[object]) -> Markup:
        aligned = ("number" if column in numbers else None for column in range(len(cells)))
        made = (
            element(tag, "?" if cell is None else cell, class_=class_)
            for cell, class_ in zip(cells, aligned, strict=True)
        )
        return element("tr", join(made))

    head = element("thead", row("th", header))
    return element("table", head, element("tbody", join(row("td", cells) for cells in rows)))


def bar(value: float, limit: float) -> Markup:
    """Return a bar of a value against its limit; what is beyond has another color."""
    whole = max(value, limit, 1e-9)
    within = 100 * min(value, limit) / whole
    beyond = 100 * max(value - limit, 0) / whole
    return element(
        "span",
        element("span", class_="within", style=f"width:{within:.4g}%"),
        element("span", class_="beyond", style=f"width:{beyond:.4g}%") if beyond else None,
        class_="bar",
        role="img",
        aria_label=f"{value:g} of {limit:g}",
    )


def faint(text: object) -> Markup:
    """Return text that matters less."""
    return element("span", text, class_="faint")


def paragraph(*children: object) -> Markup:
    """Return a paragraph."""
    return element("p", *children)


def note(*children: object) -> Markup:
    """Return a paragraph that should be read."""
    return element("p", *children, class_="note")


def picture(*children: object) -> str:
    """Return the whole picture of an object, with the style that it needs."""
    return element("div", Markup(f"<style>{STYLE}</style>"), *children, class_="poolkeeper")
