"""Bias of fitted parameters and coverage of their 95 % intervals, on simulated traces.

    .venv/bin/python benchmarks/fit_coverage.py

Prints a table: for every model and noise, the share of fits that succeeded and, per parameter,
the median error in per cent of the median true value and the share of intervals that hold it.
"""

from __future__ import annotations

import argparse

import common  # noqa: F401 - sets paths
import numpy as np

from support.simulated_traces import CASES, Case, evaluate, model_of, scores


def signal(case: Case) -> float:
    """Median difference between the highest and the lowest value of a trace without noise."""
    parameters = case.parameters_of(np.random.default_rng(0), 500)
    values = evaluate(model_of(case.model), case.time, parameters)
    return float(np.median(np.ptp(values, axis=1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, default=4000, help="traces per model and noise")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print("| model | noise / signal | succeeded | parameter: bias, coverage |")
    print("|---|---|---|---|")
    for name, case in CASES.items():
        size = signal(case)
        for noise in case.noises:
            succeeded, found = scores(case, noise, given.cells, given.seed + int(noise))
            texts = [f"{parameter}: {100 * score.bias:+.2f} %, {100 * score.coverage:.1f} %"
                     for parameter, score in found.items()]  # fmt: skip
            print(f"| `{name}` | {100 * noise / size:.1f} % | {100 * succeeded:.1f} % | "
                  f"{'; '.join(texts)} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
