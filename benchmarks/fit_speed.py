"""CPU time of fits with five starts against scipy's with one, cell by cell, times five.

    .venv/bin/python benchmarks/fit_speed.py

10,000 simulated traces of 180 frames and the maturation model. scipy is called as PyAMA calls
it: `least_squares` with bounds, its defaults and numeric derivatives, from the default values.
"""

from __future__ import annotations

import argparse
import time

import common
import numpy as np
from scipy.optimize import least_squares

from fovea.fits.fit_table import success
from fovea.fits.solver.least_squares import fit_traces
from support.simulated_traces import CASES, grid, noisy

NOISE, STARTS = 3000.0, 5


def maturation(time, t0, ktl, delta, offset, km=1.28, beta=5.22e-3):
    """The sum of three exponentials."""
    dt = time - t0
    f1 = np.exp(-(beta + km) * dt) / (beta - delta + km)
    f2 = -np.exp(-beta * dt) / (beta - delta)
    f3 = km / ((beta - delta) * (beta - delta + km)) * np.exp(-delta * dt)
    return np.where(dt > 0, ktl * (f1 + f2 + f3), 0) + offset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--compared", type=int, default=2000, help="cells that scipy fits too")
    given = parser.parse_args()
    case = CASES["maturation"]
    truth, values = noisy(case, NOISE, given.cells, seed=0)
    settings = case.settings(starts=STARTS)
    fit_traces(settings, grid(case.time, 10), values[:10])  # everything is imported
    ours, fits = common.cpu_ms(lambda: fit_traces(settings, grid(case.time, given.cells), values))
    ours /= 1e3

    start = np.array([settings.value(name) for name in settings.fitted])
    low, high = np.array(settings.low), np.array(settings.high)
    compared = min(given.compared, given.cells)
    costs = np.empty(compared)
    begin = time.process_time()
    for row in range(compared):
        with np.errstate(over="ignore", invalid="ignore"):
            found = least_squares(
                lambda x, row=row: maturation(case.time, *x) - values[row], start,
                bounds=(low, high),
            )  # fmt: skip
        costs[row] = 2 * found.cost
    theirs = (time.process_time() - begin) * given.cells / compared
    higher = fits.cost[:compared] > costs * (1 + 1e-6)
    lower = fits.cost[:compared] < costs * (1 - 1e-6)
    close = np.isclose(fits.values[:, 1], truth[:, 1], rtol=0.05).mean()
    print("| | CPU time |")
    print("|---|---|")
    print(f"| Fovea, {STARTS} starts, errors and intervals | {ours:.1f} s |")
    print(f"| scipy, one start, times {STARTS} | {STARTS * theirs:.1f} s |")
    print(f"| ratio | {STARTS * theirs / ours:.1f} |")
    print(f"{given.cells} cells of {len(case.time)} frames, scipy timed on {compared} of them")
    print(f"cost above scipy's by more than 1e-6: {higher.sum()} cells; below: {lower.sum()} cells")
    print(f"succeeded: {success(settings, fits).mean():.2%}; ktl within 5 %: {close:.2%}")


if __name__ == "__main__":
    main()
