"""What a notebook shows of each object: HTML with the same facts as its ``repr``.

The compiled types call these functions from their ``_repr_html_``. Importing this
module imports no notebook's software.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from .._cpus import Cpus, cpus
from .._native import Finding, LimitError, Outcome, Pool, Report, Scope, Share, Split
from .._words import counted
from .html import Markup, bar, element, faint, join, note, paragraph, picture, table

if TYPE_CHECKING:
    from .._auto import Auto

#: The levels with native pools: the outer, the inner one, and what is neither.
LEVELS = (
    ("openmp", "OpenMP: the outer level"),
    ("blas", "BLAS: called from inside it"),
    ("other", "Other pools: beside them"),
)


def pools(found: Sequence[Pool]) -> str:
    """Return the pools by level, each with its threads against the budget."""
    budget = _budget()
    if not found:
        reason = getattr(found, "unsupported", None)
        why = f"{reason}." if reason else "Import the libraries first."
        return picture(paragraph(f"No native thread pool is loaded. {why}"))
    sections = (
        _level(title, [pool for pool in found if pool.level == level], budget)
        for level, title in LEVELS
    )
    return picture(join(sections), _budget_line(budget), _inline_findings())


def _level(title: str, found: list[Pool], budget: Cpus | None) -> Markup | None:
    if not found:
        return None
    header = ("pool", "threads", "", "max", "capacity", "reach", "version", "file")
    rows = (
        (
            pool.runtime,
            pool.num_threads,
            # Those of a pool that no limit reaches are counted, and wait as a rule.
            _threads_bar(pool.num_threads if pool.reach != "none" else None, budget),
            pool.max_threads,
            pool.capacity,
            pool.reach,
            pool.version,
            _file(pool.filepath),
        )
        for pool in found
    )
    return join((paragraph(element("b", title)), table(header, rows, numbers=(1, 3, 4))))


def _threads_bar(threads: int | None, budget: Cpus | None) -> Markup | str:
    return "" if threads is None or budget is None else bar(threads, budget)


def _file(path: str) -> Markup:
    """The end of a path; all of it where the pointer rests."""
    parts = PurePath(path).parts
    return element("span", "/".join(parts[-2:]), class_="faint", title=path)


def _budget() -> Cpus | None:
    """The budget, or None where a wrong variable or the system keeps it from being known."""
    try:
        return cpus()
    except (LimitError, OSError):
        return None


def _budget_line(budget: Cpus | None) -> Markup:
    if budget is None:
        return paragraph(faint("The budget is not known: type %cpus to see why."))
    return paragraph(
        f"Budget: {counted(int(budget), 'CPU')}",
        faint(f", says the {budget.deciding.kind}: {budget.deciding.place}"),
    )


def _inline_findings() -> Markup | None:
    """What the doctor has to say of this process now, notes left out."""
    from .._doctor import doctor

    try:
        found = doctor().findings
    except (LimitError, OSError):
        return None
    return join(_finding(one) for one in found if one.severity != "note")


def report(found: Report) -> str:
    """Return the doctor's report: every error and warning, the notes in short."""
    serious = [one for one in found.findings if one.severity != "note"]
    notes = [one for one in found.findings if one.severity == "note"]
    headline = "Nothing is wrong." if found.is_healthy else f"{counted(len(serious), 'finding')}."
    return picture(
        paragraph(element("b", headline), faint(f" Judged for {counted(found.cpus, 'CPU')}.")),
        join(join((_finding(one), _evidence(one))) for one in serious),
        join(paragraph(faint(f"{one.severity} {one.code}: {one.summary}")) for one in notes),
    )


def finding(one: Finding) -> str:
    """Return one finding, with what it was concluded from."""
    return picture(_finding(one), _evidence(one))


def _finding(one: Finding) -> Markup:
    return note(element("b", f"{one.severity} {one.code}"), f": {one.summary}", _fix(one))


def _fix(one: Finding) -> Markup | None:
    """What to type here; where that can't help, what to type or to do elsewhere."""
    python, shell, advice = (one.fix[kind] for kind in ("python", "shell", "advice"))
    if python:
        return join((" Type ", element("code", python)))
    if shell:
        return join((" In a shell, before the program starts: ", element("code", shell)))
    return join((f" What to do: {advice}.",)) if advice else None


def _evidence(one: Finding) -> Markup:
    lines = (element("li", text) for text in one.evidence)
    return element("ul", join(lines), element("li", one.why), class_="faint")


def budget(found: Cpus) -> str:
    """Return the budget with all its sources, the deciding one marked."""
    header = ("", "source", "CPUs", "read from", "value", "")
    rows = (
        (
            "➤" if source.status == "decides" else "",
            source.kind,
            "-" if source.cpus is None else f"{source.cpus:g}",
            source.place,
            source.value,
            faint(source.note or ""),
        )
        for source in found.sources
    )
    whole = counted(found.count, "CPU")
    exact = f" ({found.fraction:g}, rounded down)" if found.fraction != found.count else ""
    cores = [
        counted(count, f"{name} core")
        for count, name in (
            (found.physical_cores, "physical"),
            (found.performance_cores, "performance"),
        )
        if count is not None
    ]
    return picture(
        paragraph(element("b", whole), exact, f", says the {found.deciding.kind}"),
        table(header, rows, numbers=(2,)),
        paragraph(faint(", ".join(cores))) if cores else None,
    )


def split(plan: Split) -> str:
    """Return a split: its sentence, the shares, and what held the numbers down."""
    return picture(
        paragraph(str(plan)),
        _shares(plan.workers),
        join(paragraph(faint(bound)) for bound in plan.bounds),
    )


def share(worker: Share) -> str:
    """Return one worker's share."""
    return picture(_shares([worker]))


def _shares(workers: Sequence[Share]) -> Markup:
    rows = []
    first = 0
    for numbers, equal in itertools.groupby(workers, lambda w: (w.cpus, w.openmp, w.blas)):
        last = first + len(list(equal)) - 1
        rows.append((f"{first}" if first == last else f"{first} to {last}", *numbers))
        first = last + 1
    return table(("worker", "CPUs", "OpenMP threads", "BLAS threads"), rows, numbers=(1, 2, 3))


def scope(limit: Scope) -> str:
    """Return a scope: whether it is live, and what became of it in each pool."""
    state = "Live" if limit.live else "Ended"
    endings = (note(str(end)) for end in limit.endings if end.status not in ("restored", "held"))
    until = faint(" until %limit --off, or its release()") if limit.live else None
    return picture(
        paragraph(element("b", f"{state} limit"), until),
        _outcomes(limit.outcomes),
        join(endings),
    )


def outcome(one: Outcome) -> str:
    """Return what became of a limit in one pool."""
    return picture(_outcomes([one]))


def outcomes(several: Iterable[Outcome]) -> str:
    """Return what became of a limit in several pools."""
    return picture(_outcomes(several))


def _outcomes(several: Iterable[Outcome]) -> Markup:
    header = ("pool", "asked for", "before", "now", "", "")
    rows = [
        (
            one.name,
            one.requested,
            "-" if one.before is None else one.before,
            "-" if one.observed is None else one.observed,
            one.status if one.status == "applied" else element("b", one.status),
            _file(one.filepath) if one.reason is None and one.filepath else faint(one.reason or ""),
        )
        for one in several
    ]
    if not rows:
        return paragraph(faint("no pool is loaded"))
    return table(header, rows, numbers=(1, 2, 3))


def auto(done: Auto) -> str:
    """Return what ``auto()`` did."""
    kept = map(note, done._about_variables())
    # A level without a pool is no news: the variables are for those to come.
    loaded = [one for one in done.outcomes if one.filepath is not None]
    variables = len(done.environment) - 1
    return picture(
        paragraph(str(done.split)),
        _outcomes(loaded) if loaded else None,
        paragraph(faint(f"{counted(variables, 'variable')} set for children and later libraries")),
        join(kept),
    )
