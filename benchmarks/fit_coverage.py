"""Bias of fitted parameters and coverage of their 95 % intervals, on simulated traces.

    .venv/bin/python benchmarks/fit_coverage.py

Prints a table: for every model and noise, the share of fits that succeeded and, per parameter,
the median error in per cent of the median true value and the share of intervals that hold it.
A second table has noise that is correlated, or differs between cells, and exchangeable rates.
"""

from __future__ import annotations

import argparse

import common  # noqa: F401 - sets paths
import numpy as np

from support.simulated_traces import (
    CASES,
    DISTURBED,
    RISES,
    Case,
    evaluate,
    model_of,
    scores,
)


def signal(case: Case) -> float:
    """Median difference between the highest and the lowest value of a trace without noise."""
    parameters = case.parameters_of(np.random.default_rng(0), 500)
    values = evaluate(model_of(case.model), case.time, parameters)
    return float(np.median(np.ptp(values, axis=1)))


def words(found: dict) -> str:
    """Bias and coverage of each parameter."""
    return "; ".join(f"{name}: {100 * score.bias:+.2f} %, {100 * score.coverage:.1f} %"
                     for name, score in found.items())  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, default=4000, help="traces per model and noise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--disturbed", action="store_true", help="the second table only")
    given = parser.parse_args()
    print("| model | noise / signal | succeeded | parameter: bias, coverage |")
    print("|---|---|---|---|")
    for name, case in ({} if given.disturbed else CASES).items():
        size = signal(case)
        for noise in case.noises:
            succeeded, found = scores(case, noise, given.cells, given.seed + int(noise))
            print(f"| `{name}` | {100 * noise / size:.1f} % | {100 * succeeded:.1f} % | "
                  f"{words(found)} |", flush=True)  # fmt: skip
    print("\n| noise | succeeded | parameter: bias, coverage |\n|---|---|---|")
    for name, (case, noise, how, more) in (DISTURBED | RISES).items():
        succeeded, found = scores(case, noise, given.cells, given.seed, how, **more)
        print(f"| {name} | {100 * succeeded:.1f} % | {words(found)} |", flush=True)


if __name__ == "__main__":
    main()
