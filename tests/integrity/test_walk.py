"""One file of every kind is damaged: what depends on it says so in one line, or is the same."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fovea.config.paths import Paths
from fovea.errors import FoveaError
from fovea.jobs.resources import size
from fovea.recordings.inspect_input import fov_count
from fovea.segmentation.phase.found import resolved
from support.damage import damaged_copies
from support.made_results import COLUMN, Results, make_results

PATHS = Paths()

FIELD = "results/a/fov_000"
IMAGES, CELLS = f"{FIELD}/images.zarr", f"{FIELD}/cells.zarr"
TABLE = f"{FIELD}/a_fov_000"

#: A file of each kind, and what reads it.
READERS: dict[str, Callable[[Results], object]] = {
    "results/a/metadata.yaml": lambda r: (r.provenance(), fov_count(r.file(PATHS.METADATA))),
    "results/a/segmentation.yaml": lambda r: resolved({}, r.file(PATHS.FOUND)),
    "results/a/flat_field_ch_1.tif": lambda r: r.extract(0),
    f"{IMAGES}/pc_ch_0/0/c.0.0.0": lambda r: r.segment(0),
    f"{IMAGES}/pc_ch_0/0/zarr.json": lambda r: r.segment(0),
    f"{IMAGES}/pc_ch_0/zarr.json": lambda r: r.segment(0),
    f"{IMAGES}/fl_ch_1/0/c.0.0.0": lambda r: r.background(0),
    f"{IMAGES}/fl_ch_1/zarr.json": lambda r: r.background(0),
    f"{IMAGES}/seg_labeled_ch_0/0/c.0.0.0": lambda r: r.track(0),
    f"{IMAGES}/seg_labeled_ch_0/zarr.json": lambda r: r.track(0),
    f"{IMAGES}/seg_tracked_ch_0/0/c.0.0.0": lambda r: r.crop(0),
    f"{IMAGES}/seg_tracked_ch_0/boxes/c.0.0": lambda r: r.crop(0),
    f"{IMAGES}/fl_background_ch_1/tile_medians/c.0.0.0": lambda r: r.crop(0),
    f"{IMAGES}/fl_background_ch_1/0/zarr.json": lambda r: r.crop(0),
    f"{TABLE}_drift.csv": lambda r: r.crop(0),
    f"{TABLE}_merges.csv": lambda r: r.extract(0),
    f"{TABLE}_lineage.csv": lambda r: (r.extract(0), r.parents(0)),
    f"{CELLS}/zarr.json": lambda r: r.extract(0),
    f"{CELLS}/metadata/bboxes/c.0.0.0": lambda r: r.extract(0),
    f"{CELLS}/metadata/valid_frames/zarr.json": lambda r: r.extract(0),
    f"{CELLS}/fl_ch_1/1/0/c.0.0.0": lambda r: r.extract(0),
    f"{CELLS}/fl_background_ch_1/1/0/zarr.json": lambda r: r.extract(0),
    f"{TABLE}_traces.csv": lambda r: r.merge(),
    f"{TABLE}_cells.csv": lambda r: r.merge(),
    "results/merged/s_traces.parquet": lambda r: r.fit(),
    f"results/analysis/s_{COLUMN}_fitted_line.csv": lambda r: r.parameters(),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Results:
    return make_results(tmp_path_factory.mktemp("made"))


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}  # fmt: skip


def other_of(made: Results, name: str) -> Path | None:
    """The same file of the other field of view, or another of its kind."""
    other = name.replace("fov_000", "fov_001")
    if name == "results/merged/s_traces.parquet":
        other = "results/merged/s_traces_cells.parquet"
    return made.folder / other if other != name else None


# A step that fails leaves the files that it has opened to the end of its process.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", READERS)
def test_damage_is_one_line_and_never_other_numbers(name, made, tmp_path):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    file, ask = made.folder / name, READERS[name]

    def made_again(number: int) -> tuple:
        target = tmp_path / str(number)
        return ask(Results(made.folder, made.source, target)), written(target)

    def refused(number: int) -> str:
        """What is said; empty where the results are the same all the same."""
        try:
            assert made_again(number) == expected
        except FoveaError as error:
            return str(error)
        return ""

    expected, said = made_again(0), []
    for number, damage in enumerate(damaged_copies(file, rng, other_of(made, name)), 1):
        if number <= 4 or number % 2 == 0:  # the tests of the readers try all
            said.append((damage, refused(number)))
    said = [(damage, text) for damage, text in said if text]
    assert len(said) >= 3
    for damage, text in said:
        assert "\n" not in text
        # an array or store is named, where its data are not those of its metadata
        assert any(str(path) in text for path in (file, file.parent)), damage
        assert "delete" in text
        assert "run Snakemake again" in text
    assert made_again(99) == expected


@pytest.mark.parametrize(
    "text",
    ["", "fov_count: 2\n", "files: [a\n", "- 1\n", "fov_count: 2\nfields: 3\n", "\0", "a: {"],
)
def test_metadata_without_checksum_is_refused_in_one_line(text, tmp_path):
    """As of Fovea 0.1.0, which had no checksums."""
    results = Results(tmp_path, tmp_path / "x")
    file = tmp_path / "results/a/metadata.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    for ask in (lambda: results.copy(0), lambda: size(file, 0)):
        with pytest.raises(FoveaError, match="delete it") as caught:
            ask()
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)
