"""Traces of a sample as arrays, against a loop over its rows."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from fovea.fits.traces import load_traces
from fovea.samples.tables import write_parquet
from support.strategies import examples

COLUMN = "intensity_total_ch_1"
ABOUT = {"sample": "s", "time_unit": "min", "left_out": ["field of view 7 of d"]}
cells = st.tuples(st.sampled_from(["b", "a"]), st.integers(0, 3), st.integers(1, 9))
frames = st.dictionaries(st.integers(0, 9), st.tuples(st.booleans(), st.booleans()), max_size=6)


def plain(rows):
    """Cells, and frames, times and values of each, of rows in order."""
    rows = [row for row in rows if row[5]]
    known = list(dict.fromkeys(row[:3] for row in rows))
    taken = [row for row in rows if not np.isnan(row[4])]
    seen = {}
    for row in taken:
        seen.setdefault(row[:2], {}).setdefault(row[3], row[4])  # the time of the first cell
    length = max((len(times) for times in seen.values()), default=0)
    shape = len(known), length
    recorded, times, values = np.full(shape, -1), np.full(shape, np.nan), np.full(shape, np.nan)
    for i, cell in enumerate(known):
        for j, (frame, time) in enumerate(sorted(seen.get(cell[:2], {}).items())):
            recorded[i, j], times[i, j] = frame, time
            for row in taken:
                if row[:4] == (*cell, frame):
                    times[i, j], values[i, j] = row[4], row[6]
    return known, recorded, times, values


@given(st.dictionaries(cells, frames, max_size=8), st.integers(0, 2**32 - 1))
@examples(60)
def test_cells_of_a_field_have_the_same_frames(tmp_path_factory, every, seed):
    rng = np.random.default_rng(seed)
    rows = [
        (*cell, frame, 5.0 * frame + rng.random() if timed else np.nan, good, rng.random())
        for cell, own in every.items()
        for frame, (timed, good) in sorted(own.items())
    ]
    names = ["dataset", "fov", "cell", "frame", "time", "good", COLUMN]
    kinds = dict.fromkeys(("fov", "cell", "frame"), "int64") | {"dataset": "str"}
    kinds |= {"time": float, "good": bool, COLUMN: float}
    path = tmp_path_factory.getbasetemp() / "loading.parquet"
    write_parquet(pd.DataFrame(rows, columns=names).astype(kinds), path, ABOUT)
    found = load_traces(path, COLUMN)
    known, recorded, times, values = plain(rows)
    assert list(zip(found.dataset, found.fov, found.cell, strict=True)) == known
    np.testing.assert_array_equal(found.frame, recorded)
    np.testing.assert_array_equal(found.time, times)
    np.testing.assert_array_equal(found.value, values)
    assert (found.sample, found.unit, found.left_out) == ("s", "min", ABOUT["left_out"])
