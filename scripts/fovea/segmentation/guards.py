"""What guards removed: why a frame has no object although something was found in it.

A mode notes which of its guards removed the last candidates of a frame, and what it measured. The
job collects these notes for its log; without a collector they are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from fovea.config.fovs import format_fovs
from fovea.errors import counted


@dataclass(frozen=True)
class Removal:
    """A guard that removed all candidates of a frame."""

    guard: str  # its name under `tuning`
    found: float  # what was measured
    needed: float  # the guard's value
    measure: str  # what it measures


_COLLECTED: ContextVar[list[Removal] | None] = ContextVar("removals", default=None)


@contextmanager
def collected() -> Iterator[list[Removal]]:
    """Collect what is noted while the context lasts, in this thread."""
    removals: list[Removal] = []
    token = _COLLECTED.set(removals)
    try:
        yield removals
    finally:
        _COLLECTED.reset(token)


def note(guard: str, found: float, needed: float, measure: str) -> None:
    """Note that a guard removed all candidates of a frame."""
    removals = _COLLECTED.get()
    if removals is not None:
        removals.append(Removal(guard, float(found), float(needed), measure))


def words(removals: Mapping[int, Removal], frames: int) -> list[str]:
    """Say of each guard in which of `frames` frames it removed everything, and what to set.

    `removals` are by frame, whose first removal counts.
    """
    lines = []
    for guard in dict.fromkeys(removal.guard for removal in removals.values()):
        here = {t: removal for t, removal in removals.items() if removal.guard == guard}
        low, high = (f(removal.found for removal in here.values()) for f in (min, max))
        one = next(iter(here.values()))
        span = f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
        lines.append(
            f"guard `{guard}` removed every object in {len(here)} of {counted(frames, 'frame')} "
            f"({format_fovs(sorted(here))}): {one.measure} is {span}, and {one.needed:g} is "
            "needed; if there are cells in these frames, set params.segmentation.tuning: "
            f"{{{guard}: {max(low * 0.9, 0):.2g}}}, or another mode, contrast or cell_diameter"
        )
    return lines
