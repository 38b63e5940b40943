"""Findings that can make the kernel die, shown before that happens."""

from __future__ import annotations

from dataclasses import dataclass

from .._doctor import doctor
from .._native import Finding, LimitError


@dataclass(frozen=True)
class Danger:
    """A finding of the doctor's that ends in a crash, a hang or a wrong result.

    Attributes
    ----------
    finding : Finding
        What it is about.
    """

    finding: Finding

    @property
    def key(self) -> str:
        """Tells a danger from others, so that each is shown once."""
        return str(self.finding)

    def __repr__(self) -> str:
        fix = self.finding.fix["python"]
        return f"poolkeeper: {self.finding}" + (f"\n  type: {fix}" if fix else "")

    def _repr_html_(self) -> str:
        return self.finding._repr_html_()


def dangers() -> list[Danger]:
    """Return the doctor's findings on the loaded pools that are dangerous.

    This takes about a millisecond. It returns nothing where the budget is not known;
    the magics then say why.
    """
    try:
        findings = doctor().findings
    except (LimitError, OSError):
        return []
    return [Danger(one) for one in findings if one.severity == "error"]
