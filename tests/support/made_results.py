"""Results of two small fields of view, made by the path functions of the steps, not by Snakemake.

Each step reads the results in one folder and can write to another, so that it can be done again
with damaged inputs.
"""

from __future__ import annotations

from functools import cache as once
from pathlib import Path

import yaml

from fovea.background.background import background
from fovea.background.flat_field import flat_field
from fovea.cells.crop import crop
from fovea.cells.extract import extract
from fovea.config.paths import Paths, fill
from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.display.cache import cache
from fovea.evaluation.evaluate import read_parents
from fovea.figures.parameters import parameters
from fovea.fits.fit import fit
from fovea.jobs.atomic import whole_file
from fovea.recordings.copy_raw import copy_raw
from fovea.recordings.inspect_input import inspect_input, load_metadata
from fovea.recordings.processing_config import processing_config
from fovea.samples.merge import merge
from fovea.segmentation.phase.found import resolved
from fovea.segmentation.segment import segment
from fovea.simulation.simulate import simulate
from fovea.tracking.track import track

PATHS = Paths()

SOURCE = "small.ome.tiff"
COLUMN = "intensity_mean_ch_1"
FEATURES = {"pc_ch_0": ["area"], "fl_ch_1": ["intensity_mean"]}


@once
def plan() -> Plan:
    channels = {"pc": {"channel": 0, "features": ["area"]},
                "fl": [{"channel": 1, "features": ["intensity_mean"]}]}  # fmt: skip
    return Plan(
        validated(
            {
                "datasets": {"a": {"input": SOURCE, "fovs": [0, 1], "channels": channels}},
                "params": {
                    "preset": "pyama",
                    "extraction": {"min_frames": 2, "border_margin": 0},
                    "background": {"tile_size": 48},
                },
                "samples": [{"name": "s"}],
                "analysis": [{"model": "line", "channel": 1, "feature": "intensity_mean"}],
            }
        )
    )


class Results:
    """Results in `folder`, of the recording in `source`; steps write below `target`."""

    def __init__(self, folder: Path, source: Path, target: Path | None = None):
        self.folder, self.source, self.target = folder, source, target or folder
        self.params = plan().datasets["a"].params

    def field(self, fov: int, target: bool = False) -> Path:
        return (self.target if target else self.folder) / "results/a" / f"fov_{fov:03d}"

    def file(self, template: str, target: bool = False, **more) -> Path:
        return (self.target if target else self.folder) / fill(template, dataset="a", **more)

    def images(self, fov: int, group: str, target: bool = False) -> Path:
        return self.field(fov, target) / "images.zarr" / group

    def table(self, fov: int, name: str, target: bool = False) -> Path:
        return self.field(fov, target) / f"a_fov_{fov:03d}_{name}.csv"

    def gains(self) -> dict[str, Path]:
        return {"fl_ch_1": self.file(PATHS.FLAT_FIELD, fl=1)}

    def inspect(self) -> None:
        inspect_input(str(self.source), self.file(PATHS.METADATA, True))
        with whole_file(self.file(PATHS.FOUND, True), checked=True) as file:
            file.write_text(yaml.safe_dump({"mode": "dark", "cell_diameter": 21.5}))

    def provenance(self) -> None:
        entry = plan().config["datasets"]["a"]
        processing_config(
            self.file(PATHS.METADATA), self.file(PATHS.PROCESSING_CONFIG, True), entry, self.params
        )

    def flat_field(self) -> None:
        known = load_metadata(self.file(PATHS.METADATA))
        about = {"method": "recording", "dark": 0}
        flat_field(self.file(PATHS.FLAT_FIELD, True, fl=1), about, 1, str(self.source), 0, known)

    def copy(self, fov: int) -> None:
        known = load_metadata(self.file(PATHS.METADATA))
        target = self.field(fov, True) / "images.zarr"
        copy_raw(str(self.source), target, fov, {"pc_ch_0": 0, "fl_ch_1": 1}, metadata=known)

    def segment(self, fov: int) -> None:
        target = self.images(fov, "seg_labeled_ch_0", True)
        segment(self.images(fov, "pc_ch_0"), target, self.params["segmentation"])

    def track(self, fov: int) -> None:
        target = self.images(fov, "seg_tracked_ch_0", True)
        tables = {name: self.table(fov, name, True) for name in ("lineage", "drift", "merges")}
        track(self.images(fov, "seg_labeled_ch_0"), target, self.params["tracking"], fov=fov,
              **tables)  # fmt: skip

    def background(self, fov: int) -> None:
        background([self.images(fov, "fl_ch_1")], [self.images(fov, "fl_background_ch_1", True)],
                   self.images(fov, "seg_labeled_ch_0"), self.params["background"],
                   flat_fields=[self.gains()["fl_ch_1"]])  # fmt: skip

    def crop(self, fov: int) -> None:
        raw = [self.images(fov, name) for name in ("pc_ch_0", "fl_ch_1")]
        crop(self.images(fov, "seg_tracked_ch_0"), raw, [self.images(fov, "fl_background_ch_1")],
             self.field(fov, True) / "cells.zarr", 3, drift=self.table(fov, "drift"))  # fmt: skip

    def extract(self, fov: int) -> None:
        found = resolved({"cell_diameter": None}, self.file(PATHS.FOUND))
        extract(self.field(fov) / "cells.zarr", self.table(fov, "traces", True),
                self.table(fov, "cells", True), fov, FEATURES, 1.0, min_frames=2,
                border_margin=0, cell_diameter=found["cell_diameter"], flat_fields=self.gains(),
                merges=self.table(fov, "merges"), lineage=self.table(fov, "lineage"))  # fmt: skip

    def cache(self, fov: int) -> None:
        """The display level lies beside its array: not for a target of its own."""
        cache([self.images(fov, "fl_ch_1")], drift=self.table(fov, "drift"))

    def merge(self) -> None:
        traces, cells = ([self.table(fov, name) for fov in (0, 1)] for name in ("traces", "cells"))
        time = {"interval": None, "unit": "min", "mapping": None}
        merge("s", traces, cells, [self.file(PATHS.METADATA)],
              {"a": {"features": FEATURES, "time": time}},
              self.target / "results/merged")  # fmt: skip

    def fit(self) -> None:
        (entry,) = plan().config["analysis"]
        traces = self.folder / "results/merged/s_traces.parquet"
        fit(traces, self.target / f"results/analysis/s_{COLUMN}_fitted_line.csv", entry, COLUMN)

    def parameters(self) -> None:
        (entry,) = plan().config["analysis"]
        folder = self.folder / "results/analysis"
        target = self.target / "results/analysis"
        parameters({"s": folder / f"s_{COLUMN}_fitted_line.csv"},
                   target / f"{COLUMN}_fitted_line_parameters.csv", [], entry, COLUMN)  # fmt: skip

    def parents(self, fov: int) -> dict[int, int]:
        return read_parents(self.table(fov, "lineage"))


def make_results(folder: Path) -> Results:
    """Simulate a recording, and make everything of it."""
    source = folder / SOURCE
    simulate(source, folder / "truth", cells=[5, 6], fovs=2, frames=5, height=160, width=192,
             channels=1, interval=900.0)  # fmt: skip
    results = Results(folder, source)
    results.inspect()
    results.provenance()
    results.flat_field()
    for fov in (0, 1):
        for step in ("copy", "segment", "track", "background", "crop", "extract", "cache"):
            getattr(results, step)(fov)
    results.merge()
    results.fit()
    results.parameters()
    return results
