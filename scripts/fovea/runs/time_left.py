"""How far a run is: its time so far, frames done, and how long the rest will take.

The rest is estimated from the time that frames have taken in each step so far. Steps that have not
been timed yet are taken for as long as the others on average, and named.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fovea.config.plan import Plan
from fovea.jobs.log_state import Timing, read_timing
from fovea.runs.status import Row

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True)
class Work:
    """What one step has to do in one field of view."""

    dataset: str
    fov: str
    step: str
    frames: int
    done: float  # share of the frames
    timing: Timing | None  # of its last job, where that has done something


def progress(
    plan: Plan, rows: Sequence[Row], folder: str | Path = ".", now: float | None = None
) -> list[str]:
    """Return lines on the frames done and, while a run is at work, on its time.

    Parameters
    ----------
    rows
        Those of `fovea.runs.status.collect`.
    now : float, optional
        Seconds since the epoch.
    """
    folder = Path(folder)
    works = list(_works(plan, rows, folder))
    total = sum(work.frames for work in works)
    lines = []
    if total:
        done = sum(work.frames * work.done for work in works)
        # 100 % only at the end.
        share = f"{int(100 * done / total)} %"
        lines.append(f"{int(done):,} of {total:,} frames done, counted in each step ({share})")
    locks = list((folder / ".snakemake" / "locks").glob("*"))
    if not locks:
        return lines
    start = min(lock.stat().st_mtime for lock in locks)
    elapsed = max((time.time() if now is None else now) - start, 0.0)
    words = f"running for {duration(elapsed)}"
    if rows:
        known = all(row.frames is not None if row.fov else row.state == "failed" for row in rows)
        left = _left(works, start, elapsed) if known else "unknown"
        words += f"; time left for the fields of view: {left}"
    return [*lines, words]


def duration(seconds: float) -> str:
    """Return a time in its two largest units.

    >>> duration(42), duration(3750), duration(3600)
    ('42 s', '1 h 2 min', '1 h')
    """
    left, parts = round(seconds), []
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        if number or parts:
            parts.append((number, unit))
    shown = parts[:1] if parts[:1] and parts[0][1] == "min" else parts[:2]
    return " ".join(f"{number} {unit}" for number, unit in shown if number) or "0 s"


def _works(plan: Plan, rows: Sequence[Row], folder: Path) -> Iterator[Work]:
    for row in rows:
        if not row.fov or row.frames is None:
            continue
        steps = plan.datasets[row.dataset].field_steps(int(row.fov))
        for number, step in enumerate(steps):
            step = step.of(dataset=row.dataset, fov=row.fov)
            # Outputs that are not kept were there if those of the next step are.
            kept = step if step.kept else steps[number + 1].of(dataset=row.dataset, fov=row.fov)
            timing = read_timing(folder / step.log)
            if all((folder / file).exists() for file in kept.files):
                done, timing = 1.0, timing if timing and timing.done == 1 else None
            elif row.state == "failed":  # nothing more of it is made in this run
                continue
            else:  # what a job has begun counts while it may be at work
                timing = timing if timing and timing.done < 1 and row.state == "running" else None
                done = timing.done if timing else 0.0
            yield Work(row.dataset, row.fov, step.name, row.frames, done, timing)


def _left(works: Sequence[Work], start: float, elapsed: float) -> str:
    """Estimate the time left, in words."""
    rates = _seconds_per_frame(works)
    spent = sum(work.timing.seconds for work in works
                if work.timing and work.timing.written >= start)  # fmt: skip
    due = [work for work in works if work.done < 1]
    if not due:
        return "none, they are done"
    if not spent or not elapsed or not rates:
        return "unknown"
    # What each job needs beside its frames; the median leaves out the few that compile kernels.
    beside = [work.timing.seconds - work.timing.whole for work in works
              if work.timing and work.done == 1 and work.timing.whole is not None]  # fmt: skip
    start_up = max(median(beside), 0.0) if beside else 0.0
    left: dict[tuple[str, str], float] = defaultdict(float)
    unknown = []
    for work in due:
        rate = rates.get((work.dataset, work.step), rates.get(("", work.step)))
        if rate is None:
            rate = rates["", ""]
            unknown.append(work.step)
        seconds = rate * work.frames * (1 - work.done) + (0.0 if work.timing else start_up)
        left[work.dataset, work.fov] += seconds
    # So many jobs were at work at a time, on average; one field of view cannot use them all.
    seconds = max(sum(left.values()) * elapsed / spent, *left.values())
    if unknown:
        names = ", ".join(dict.fromkeys(unknown))
        return f"roughly {duration(seconds)} (not timed yet: {names})"
    return f"about {duration(seconds)}"


def _seconds_per_frame(works: Sequence[Work]) -> Mapping[tuple[str, str], float]:
    """Return the time that a step takes for a frame of a dataset.

    With the key ("", step) it is that of any dataset, with ("", "") the mean of all steps.
    """
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    frames: dict[tuple[str, str], int] = defaultdict(int)
    for work in works:
        if work.timing and work.timing.whole is not None:
            for key in ((work.dataset, work.step), ("", work.step)):
                seconds[key] += work.timing.whole
                frames[key] += work.frames
    rates = {key: seconds[key] / frames[key] for key in seconds if frames[key]}
    steps = [rate for (dataset, _), rate in rates.items() if not dataset]
    return rates | ({("", ""): sum(steps) / len(steps)} if steps else {})
