"""Figures of pages: what is drawn, which cells come first, and texts that stay texts."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from bokeh.models import ColumnDataSource
from hypothesis import given
from hypothesis import strategies as st

from fovea.fits.settings import parameter_units, settings_of
from fovea.pages.views import cells, doubt, html, panel, parameters, samples, strips
from fovea.pages.views.traces import quartiles, traces_figure
from fovea.samples.parts import CELL
from support.page_data import fitted_sample

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\nb", "\u202eevil",
           "</script>", "$$x$$", "&amp;", "\x00\x07", "'"]  # fmt: skip


class Reader(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("word", HOSTILE)
def test_texts_are_inert(word):
    seen = Reader(html.element("p", word, title=word, class_="x"))
    assert [tag for tag, _ in seen.tags if tag != "bdi"] == ["p"]
    assert seen.text == word.replace("\x00", "\ufffd").replace("\x07", "\ufffd")
    assert seen.tags[0][1]["class"] == "x"
    cells_of_table = Reader(html.table((word,), [(word,), (html.element("td", word),)]))
    assert {tag for tag, _ in cells_of_table.tags} <= {"table", "thead", "tbody", "tr", "th", "td",
                                                       "bdi"}  # fmt: skip


@given(st.text())
def test_any_text_comes_out_as_it_went_in(word):
    shown = Reader(html.text(word))
    assert {tag for tag, _ in shown.tags} <= {"bdi"}
    printable = [c if c.isprintable() or c in "\n\t" or c in html.DIRECTIONS else "\ufffd"
                 for c in word]  # fmt: skip
    assert shown.text == "".join(printable)


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(0, 2**32 - 1))
def test_jumps_of_area(lengths, seed):
    rng = np.random.default_rng(seed)
    rows, areas = [], []
    for cell, length in enumerate(lengths):
        frames = np.sort(rng.choice(9, length, replace=False))
        rows += [("d", cell % 3, cell, int(frame)) for frame in frames]
        areas += rng.choice([np.nan, 0.0, 1.0, 2.0, 5.0], length).tolist()
    table = pd.DataFrame(rows, columns=[*CELL, "frame"])
    found = doubt.jumps_of_area(table, pd.Series(areas, dtype=float))
    expected = {}
    for k, (*key, frame) in enumerate(rows):
        best = expected.setdefault(tuple(key), (np.nan, -1))
        if k and rows[k - 1][:3] == tuple(key) and rows[k - 1][3] == frame - 1:
            pair = sorted((areas[k - 1], areas[k]))
            if pair[0] > 0 and pair[1] > 0 and not pair[1] / pair[0] <= best[0]:
                expected[tuple(key)] = (pair[1] / pair[0], frame)
    assert {key: tuple(row) for key, row in zip(found.index, found.to_numpy(), strict=True)} == {
        key: pytest.approx(value, nan_ok=True) for key, value in expected.items()
    }


def test_the_worst_cells_come_first():
    table = pd.DataFrame({
        "success": [True, True, False, False, True], "r_squared": [0.999, 0.5, 0.99, np.nan, 0.99],
        "a_at_bound": ["", "", "upper", "", ""], "b_at_bound": ["", "", "", "", ""],
        "n_points": [40, 40, 40, 0, 40], "autocorrelation": [0.1, 0.1, 0.1, np.nan, 0.9],
        "jump": [1.1, 1.2, 2.5, np.nan, 1.0], "jump_frame": [3, 4, 7, -1, 1],
    })  # fmt: skip
    score, why = doubt.doubts(table)
    assert np.argsort(-score, kind="stable").tolist() == [3, 2, 1, 4, 0]
    assert why[2] == ["a at a bound", "area jumps × 2.5 at frame 7"]
    assert why[3] == ["no estimate"]
    assert why[0] == []
    assert why[1] == ["poor R²"]
    assert why[4] == ["correlated residuals"]


@given(st.integers(0, 900), st.integers(1, 700))
def test_thinning_keeps_the_worst(count, values):
    order = np.random.default_rng(count).permutation(count)
    thinning = cells.thinned(order, values)
    assert len(thinning.rows) == min(count, cells.DRAWN_CELLS)
    assert set(order[:100]) <= set(thinning.rows.tolist())
    assert len(set(thinning.rows.tolist())) == len(thinning.rows)
    assert -(-values // thinning.step) <= cells.DRAWN_VALUES
    assert bool(thinning.words) == (count > cells.DRAWN_CELLS or values > cells.DRAWN_VALUES)


def test_curves_and_residuals_are_those_of_the_model():
    traces, table, settings = fitted_sample()
    thinning = cells.thinned(np.arange(len(table)), traces.value.shape[1])
    times, values, frames = cells.drawn_traces(traces, "h", thinning)
    found = cells.curves(settings, table, times, values)
    for row in range(len(table)):
        assert len(times[row]) == len(values[row]) == len(frames[row]) == len(found.inside[row])
        model = np.ravel(settings.model(times[row].astype(float)[None], *(
            np.array([[table[name][row]]]) for name in settings.model.names)))  # fmt: skip
        inside = found.inside[row]
        assert inside.sum() == table["n_points"][row]
        np.testing.assert_allclose(found.residuals[row][inside], (values[row] - model)[inside],
                                   rtol=1e-3, atol=0.5)  # fmt: skip
        assert found.times[row][0] == times[row][0]
        assert len(found.values[row]) == len(found.times[row]) > 50


def test_quartiles_are_those_of_each_frame():
    traces, *_ = fitted_sample()
    found = quartiles(traces, "h")
    for k, frame in enumerate(found["frame"]):
        here = traces.value[traces.frame == frame]
        here = here[np.isfinite(here)]
        assert found["cells"][k] == len(here) >= 2
        assert found["middle"][k] == np.median(here)


def source_of(table, names) -> ColumnDataSource:
    empty = [np.zeros(0)] * len(table)
    columns = {"name": names, "good": table["success"].to_numpy(), "r_squared": table["r_squared"]}
    lists = dict.fromkeys(("times", "values", "curve_times", "curve_values", "residuals", "inside"),
                          empty)  # fmt: skip
    return cells.cell_source(columns, **lists)


def test_figures_of_no_cells_can_be_made():
    _, table, _ = fitted_sample()
    table = table.iloc[:0]
    source = source_of(table, [])
    both = parameters.ScatterAndHistogram(source, {"r_squared": "R²"})
    assert len(both.controls) == 4
    traces_figure(source, {k: np.zeros(0) for k in ("time", "low", "middle", "high")}, "y", "h")
    panel.CellPanel(source, ColumnDataSource({"text": [], "strip": []}), "y", "h")
    samples.SideBySide({"a": {"name": [], "r_squared": np.zeros(0)}}, {"r_squared": "R²"})


def test_what_the_fit_says_is_inert():
    _, table, settings = fitted_sample()
    row = table.iloc[0].copy()
    row["message"] = HOSTILE[0]
    units = parameter_units(settings, "counts")
    text = panel.fit_text(settings, units, row, [HOSTILE[1]], {HOSTILE[4]: (1.0, 0.5)})
    seen = Reader(text)
    assert {tag for tag, _ in seen.tags} <= {"p", "span", "table", "thead", "tbody", "tr", "th",
                                             "td", "b"}  # fmt: skip
    for word in (HOSTILE[0], HOSTILE[1], HOSTILE[4], "ktl", "95 % interval"):
        assert word in seen.text


def test_strips():
    image = np.arange(100, dtype=np.uint16).reshape(10, 10)
    assert (strips.window(image, (5, 5), 4) == image[3:7, 3:7]).all()
    corner = strips.window(image, (0, 0), 4)
    assert (corner[2:, 2:] == image[:2, :2]).all()
    assert corner[:2].sum() == 0
    assert strips.window(image, (50, 50), 4).sum() == 0
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    shown = strips.crop_picture(image[:4, :4], mask, (0, 33), 8)
    ring = (shown == strips.OUTLINE).all(axis=2)
    assert ring.sum() == 12
    assert ring[2:6, 2:6].sum() == 12
    both = strips.strip([[shown, shown], [shown]])
    assert both.shape == (18, 18, 3)
    assert (both[10:, 10:] == 255).all()
    assert strips.encoded(both)[8:12] == b"WEBP"
    assert strips.encoded(both) == strips.encoded(both)


def test_frames_of_strips_are_spread_over_a_cells_life():
    grid = strips.grid_of(100, 24)
    assert grid[0] == 0
    assert grid[-1] == 99
    assert len(grid) == 24
    assert strips.grid_of(3, 24).tolist() == [0, 1, 2]
    chosen = strips.chosen_frames(np.arange(30, 70), grid, 6)
    assert len(chosen) == 6
    assert set(chosen) <= set(grid)
    assert chosen[0] < 35
    assert chosen[-1] > 64
    assert len(strips.chosen_frames(np.array([1]), grid, 6)) == 0


def test_entry_without_parameters_has_settings():
    assert settings_of({"model": "line"}).fitted
