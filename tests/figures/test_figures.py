"""Figures and the AnnData export: they are made, the same every time, of anything."""

from __future__ import annotations

import anndata
import numpy as np
import pytest

from fovea.exports.anndata import export_anndata
from fovea.figures.fits import examples, plot_fits, r_squared_text
from fovea.figures.parameters import parameters
from fovea.figures.quality import plot_quality, shares
from fovea.figures.retention import fates, plot_retention, present
from fovea.figures.style import COLOURS, scattered, unit_for
from fovea.figures.traces import middle_and_quartiles, plot_traces
from fovea.fits.fit import fit
from fovea.samples.tables import read_parquet
from support.merged import merge_all, ramp, recording
from support.simulated_traces import CASES, evaluate, model_of

COLUMN = "intensity_total_ch_1"
ENTRY = {"model": "maturation", "weighting": "none", "normalise": "none", "starts": 5,
         "parameters": {}, "window": None, "shared": []}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two samples: one of good, failed and short traces, the other of none at all."""
    folder = tmp_path_factory.mktemp("figures")
    truth = CASES["maturation"].parameters_of(np.random.default_rng(0), 4)
    values = evaluate(model_of("maturation"), np.arange(40) / 6, truth)
    cells = {c + 1: dict(enumerate(values[c])) for c in range(4)}
    cells |= {5: ramp(range(40), 0.0), 6: ramp(range(2)), 7: ramp(range(40), -1e5)}
    paths = recording(folder, "a", {0: cells, 1: {}}, 40)
    merge_all(folder, "none", paths[1:])
    merged = merge_all(folder, "some", paths[:1], left_out=["a, field of view 1 (failed)"])
    for sample in ("some", "none"):
        fit(merged / f"{sample}_traces.parquet", merged / f"{sample}.csv", ENTRY, COLUMN)
    return merged


def draw(made, target, which):
    """Draw a figure of both samples, or of each."""
    files = [target / f"{which}.{suffix}" for suffix in ("pdf", "png", "svg")]
    fits = {name: made / f"{name}.csv" for name in ("some", "none")}
    if which == "parameters":
        parameters(fits, target / "t.csv", files, ENTRY, COLUMN, ["a, field of view 1 (failed)"])
    elif which == "quality":
        plot_quality(fits, files, ENTRY, COLUMN, ["a, field of view 1 (failed)"])
    elif which == "retention":
        plot_retention({n: made / f"{n}_traces_cells.parquet" for n in fits}, files)
    elif which.startswith("traces"):
        name = which.partition("_")[2]
        plot_traces(made / f"{name}_traces.parquet", files, ["area_ch_0", COLUMN, COLUMN])
    else:
        name = which.partition("_")[2]
        plot_fits(made / f"{name}_traces.parquet", fits[name], files, ENTRY, COLUMN)
    return files


@pytest.mark.parametrize("which", ["parameters", "quality", "retention", "traces_some",
                                   "traces_none", "fits_some", "fits_none"])  # fmt: skip
def test_figures_are_the_same_every_time(made, tmp_path, which):
    from PIL import Image

    first = [path.read_bytes() for path in draw(made, tmp_path, which)]
    again = draw(made, tmp_path, which)
    assert first[:2] == [path.read_bytes() for path in again[:2]]
    assert first[0].startswith(b"%PDF")
    assert b"CreationDate" not in first[0]
    with Image.open(again[1]) as picture:
        assert picture.width >= 600
        assert np.asarray(picture.convert("L")).min() < 60
        assert "Software" not in picture.info
    assert b"<dc:date>" not in first[2]
    texts = first[2].decode()
    assert texts.count("<path") > 5


NAMES = {
    "two": ["control", "treated"],
    "many": [
        "control",
        "siRNA_scrambled_48h",
        "mCherry_100_ng",
        "mCherry_50_ng_replicate_2",
        *"abc",
    ],
    "eleven": [f"condition_{number}" for number in range(11)],
}


def test_panels_name_the_field_of_view_as_everything_else_does(made, tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    titles, kept = [], Axes.set_title
    monkeypatch.setattr(
        Axes,
        "set_title",
        lambda axes, text, **more: titles.append(text) or kept(axes, text, **more),
    )
    draw(made, tmp_path, "fits_some")
    places = [title.split("\n")[0] for title in titles]
    assert len(places) > 3
    assert all(place.startswith("field of view 0, cell ") for place in places)


@pytest.mark.parametrize(("names", "left_out"), [("two", 0), ("many", 12), ("eleven", 1)])
@pytest.mark.parametrize("which", ["parameters", "quality", "retention"])
def test_no_text_is_cut_off_or_hides_another(made, tmp_path, monkeypatch, which, names, left_out):
    """With samples of long names, and many fields of view left out, too."""
    import matplotlib.figure

    drawn = []

    class Kept(matplotlib.figure.Figure):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            drawn.append(self)

    monkeypatch.setattr(matplotlib.figure, "Figure", Kept)
    fits = dict.fromkeys(NAMES[names], made / "some.csv")
    words = [f"recording_of_monday, field of view {n} (failed)" for n in range(left_out)]
    files = [tmp_path / "a.png"]
    if which == "parameters":
        parameters(fits, tmp_path / "t.csv", files, ENTRY, COLUMN, words)
    elif which == "quality":
        plot_quality(fits, files, ENTRY, COLUMN, words)
    else:
        cells = dict.fromkeys(NAMES[names], made / "some_traces_cells.parquet")
        plot_retention(cells, files)
    check_texts(drawn[0])


def check_texts(drawing):
    """Every text lies within the figure, and no upright text on another."""
    from matplotlib.text import Text

    drawing.draw_without_rendering()
    renderer = drawing.canvas.get_renderer()
    seen, beyond = [], set()
    for axes in drawing.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            beyond |= {t.label1 for t in ticks if not low <= t.get_loc() <= high}
    for text in set(drawing.findobj(Text)) - beyond:
        words = text.get_text().strip()
        if not (words and text.get_visible() and text.figure is not None):
            continue
        box = text.get_window_extent(renderer)
        if not box.width:
            continue
        width, height = drawing.get_size_inches() * drawing.dpi
        assert box.x0 >= -1, words
        assert box.y0 >= -1, words
        assert box.x1 <= width + 1, words
        assert box.y1 <= height + 1, words
        if text.get_rotation() in (0, 90):
            seen.append((words, box.shrunk(0.98, 0.7)))
    for i, (words, box) in enumerate(seen):
        for others, other in seen[:i]:
            assert not box.overlaps(other) or words == others, (words, others)


def test_the_figure_without_features(made, tmp_path):
    plot_traces(made / "some_traces.parquet", [tmp_path / "a.png"], [])
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_examples_go_from_best_to_worst():
    r_squared = np.array([0.5, np.nan, 0.9, 0.1, 0.99, 0.7])
    assert examples(r_squared, 3).tolist() == [4, 5, 3]
    assert examples(r_squared, 12).tolist() == [4, 2, 5, 0, 3]
    assert len(examples(np.full(3, np.nan), 12)) == 0
    assert [r_squared_text(x) for x in (-0.5, -1e-9, 0.98, 0.9912, 0.99998)] == [
        "-0.500", "0.000", "0.980", "0.9912", "0.999980"
    ]  # fmt: skip


def test_fates_and_presence_of_cells(made):
    table = read_parquet(made / "some_traces_cells.parquet")
    assert fates(table) == {"in the sample": 7, "called bad": 0, "too few frames": 0,
                            "too near the edge": 0, "both": 1}  # fmt: skip
    times = np.array([0.0, 10.0, 30.0, 380.0, 10_000.0])
    assert present(table, times).tolist() == [8, 8, 6, 6, 0]


def test_middle_of_traces(made):
    from fovea.fits.traces import load_traces

    data = load_traces(made / "some_traces.parquet", COLUMN)
    times, (low, middle, high) = middle_and_quartiles(data)
    assert len(times) == 40
    assert ((low <= middle) & (middle <= high)).all()
    values = [trace[0] for trace in data.value]
    assert middle[0] == pytest.approx(np.median(values))


def test_shares_count_every_cell(made):
    from fovea.fits.fit_table import read_fits
    from fovea.fits.settings import settings_of

    found = shares(settings_of(ENTRY), read_fits(made / "some.csv"))
    assert found["succeeded"] == pytest.approx(4 / 7)
    assert found["too few values"] == pytest.approx(1 / 7)
    assert found["ktl at lower bound"] == pytest.approx(2 / 7)


def test_style():
    assert len(set(COLOURS)) == len(COLOURS)
    offsets = scattered(200)
    assert np.abs(offsets).max() <= 1
    assert np.histogram(offsets, 10, (-1, 1))[0].min() >= 18
    assert [unit_for(x, "min") for x in (1, 20, 700)] == ["s", "min", "h"]


def test_anndata_reads_the_export(made, tmp_path):
    target = tmp_path / "some.h5ad"
    fits = {"fitted_maturation": made / "some.csv"}
    export_anndata(made / "some_traces.parquet", target, ["area_ch_0", COLUMN], fits)
    data = anndata.read_h5ad(target)
    assert data.shape == (7, 40)
    assert set(data.layers) == {"area_ch_0", COLUMN, "time_ch_0", "time_ch_1"}
    np.testing.assert_array_equal(data.X, data.layers[COLUMN])
    rows = read_parquet(made / "some_traces.parquet").to_dict("records")
    for row in rows:
        place = f"a:0:{row['cell']}", str(row["frame"])
        assert data[place].layers[COLUMN].item() == row[COLUMN]
        assert data[place].layers["time_ch_1"].item() == row["time_ch_1"]
    assert np.isnan(data.X).sum() == 7 * 40 - len(rows)
    assert data.obs["cell"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert data.obs["fitted_maturation:success"].tolist() == [True] * 4 + [False] * 3
    assert data.obs["fitted_maturation:ktl"].iloc[0] > 1e4
    assert data.uns["time_unit"] == "min"
    before = target.read_bytes()
    export_anndata(made / "some_traces.parquet", target, ["area_ch_0", COLUMN], fits)
    assert before == target.read_bytes()


def test_anndata_of_nothing(made, tmp_path):
    target = tmp_path / "none.h5ad"
    export_anndata(made / "none_traces.parquet", target, [COLUMN], {"f": made / "none.csv"})
    assert anndata.read_h5ad(target).shape == (0, 0)
    export_anndata(made / "some_traces.parquet", target, [], {})
    assert anndata.read_h5ad(target).n_vars == 0
