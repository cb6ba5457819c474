"""Coverage of the intervals of populations of cells, on simulated traces.

    .venv/bin/python benchmarks/population_coverage.py

Prints a table: for every population and size of samples, and each parameter, the standard deviation
of fitted values and that of the population as multiples of the true one (medians of the samples),
and the shares of the 95 % intervals of means, of standard deviations and of differences between
two samples that hold the truth; then the share of the correlations.
"""

from __future__ import annotations

import argparse

import common  # noqa: F401 - sets paths
import numpy as np

from support.simulated_populations import POPULATIONS, found_of

SIZES = (30, 100, 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", type=int, default=30_000, help="per population and size")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print("| cells of | samples | parameter: sd of fitted values, of cells; intervals of mean, sd, "
          "difference | all of them | correlations |\n|---|---|---|---|---|")  # fmt: skip
    for name, cells in POPULATIONS.items():
        for count in SIZES:
            samples = max(2, given.cells // count)
            found = found_of(cells, count, samples, given.seed)
            inside = [found.mean_inside, found.deviation_inside, found.difference_inside]
            columns = zip(cells.draw, found.raw, found.deviation, *inside, strict=True)
            words = "; ".join(f"{parameter}: {raw:.2f}, {sd:.2f}; "
                              + ", ".join(f"{100 * share:.0f} %" for share in shares)
                              for parameter, raw, sd, *shares in columns)  # fmt: skip
            total = ", ".join(f"{100 * np.mean(share):.1f} %" for share in inside)
            print(f"| `{name}`, n = {count} | {samples} | {words} | {total} | "
                  f"{100 * found.correlation_inside:.1f} % |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
