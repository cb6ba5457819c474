"""Paths of everything that the workflow writes, relative to its working directory.

They are templates that hold Snakemake's wildcards, ``{dataset}``, ``{fov}``, ``{sample}`` and
``{fit}``, and some more that are filled in before Snakemake sees them. `fovea.config.steps` says
which step writes which file, and `fovea.config.plan` which of them a config asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

#: Made by a rule, unlike other recordings.
DEMO_RECORDING, DEMO_TRUTH = "data/demo.ome.tiff", "data/demo_truth"

#: In the folder of the config key `edited_tracks`.
EDITED = "{dataset}_fov_{fov}.csv"


class Paths:
    """The templates of a run, whose folders the config sets."""

    def __init__(
        self, results: str = "results", logs: str = "logs", benchmarks: str = "benchmarks"
    ):
        self.RESULTS, self.LOGS, self.BENCHMARKS = results, logs, benchmarks
        self.STATUS, self.INDEX = f"{results}/status.csv", f"{results}/index.csv"

        # --- Of a dataset
        self.METADATA = f"{results}/{{dataset}}/metadata.yaml"
        self.PROCESSING_CONFIG = f"{results}/{{dataset}}/processing_config.yaml"
        self.FOUND = f"{results}/{{dataset}}/segmentation.yaml"
        self.PREPARED = f"{results}/{{dataset}}/prepared.yaml"
        self.PREPARED_TRACKING = f"{results}/{{dataset}}/prepared_tracking.yaml"
        self.FLAT_FIELD = f"{results}/{{dataset}}/flat_field_ch_{{fl}}.tif"
        self.IMPORTED_TRACES = f"{results}/{{dataset}}/{{dataset}}_traces.csv"

        # --- Of a field of view. An array or a store is whole when it has its zarr.json, written
        # last.
        field = self.FIELD = f"{results}/{{dataset}}/fov_{{fov}}"
        self.IMAGES = f"{field}/images.zarr/zarr.json"
        self.GROUP = f"{field}/images.zarr/{{group}}/zarr.json"
        self.ARRAY = f"{field}/images.zarr/{{group}}/{{level}}/zarr.json"
        self.BOXES = f"{field}/images.zarr/{{group}}/boxes/zarr.json"
        self.MEDIANS = f"{field}/images.zarr/{{group}}/tile_medians/zarr.json"
        self.CELLS_STORE = f"{field}/cells.zarr"
        self.CELLS = f"{field}/cells.zarr/zarr.json"
        self.TABLE = f"{field}/{{dataset}}_fov_{{fov}}_{{table}}.csv"
        self.REPORT = f"{results}/report/{{dataset}}_fov_{{fov}}"

        # --- Pages. The first is that of the run, which leads to the others.
        self.START_PAGE = f"{results}/report/index.html"
        self.PAGE = f"{results}/report/{{kind}}/{{name}}.html"
        self.THUMBNAIL = f"{results}/report/fields/{{dataset}}_fov_{{fov}}.webp"
        self.TO_SEND = f"{results}/report/to_send"

        # --- Of samples
        self.MERGED = f"{results}/merged/{{sample}}_{{table}}.{{suffix}}"
        self.ANALYSIS = f"{results}/analysis/{{name}}"
        self.PLOT = f"{results}/analysis/plots/{{name}}"
        #: Where cells were at the last merge. It is no output, which Snakemake would delete before
        #: a merge.
        own = "" if results == "results" else f"/{results}"
        self.SEEN = f".fovea/places{own}"

        # --- Logs
        self.DATASET_LOG = f"{logs}/{{dataset}}/{{step}}.log"
        self.FIELD_LOG = f"{logs}/{{dataset}}/fov_{{fov}}/{{step}}.log"
        self.MERGE_LOG = f"{logs}/merged/{{sample}}_merge.log"
        self.ANALYSIS_LOG = f"{logs}/analysis/{{step}}.log"
        self.SIMULATE_LOG = f"{logs}/simulate.log"

    @classmethod
    def of(cls, config: Mapping) -> Paths:
        """Return the paths of a checked config."""
        return cls(**config["pathvars"])

    def benchmark(self, log: str) -> str:
        """Return the file for Snakemake's benchmark of the step that writes a log."""
        return self.BENCHMARKS + log.removeprefix(self.LOGS).removesuffix(".log") + ".tsv"

    def arrays(self, groups: Iterable[str], level: int = 0) -> list[str]:
        """Return the file of each array that is written last."""
        return [fill(self.ARRAY, group=group, level=level) for group in groups]

    def group_files(self, groups: Iterable[str]) -> list[str]:
        """Return the metadata of channel groups."""
        return [fill(self.GROUP, group=group) for group in groups]


def fill(template: str, **known: object) -> str:
    """Return a template with these of its wildcards filled in; the others stay."""
    for key, value in known.items():
        template = template.replace(f"{{{key}}}", str(value))
    return template


def place_of(path: str | Path) -> tuple[str, int | None]:
    """Return dataset and field of view of a file in the results; None where it holds several."""
    parent = Path(path).parent
    if parent.name.startswith("fov_"):
        return parent.parent.name, int(parent.name.removeprefix("fov_"))
    return parent.name, None
