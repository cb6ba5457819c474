"""Paths of everything that the workflow writes, relative to its working directory.

They are templates that hold Snakemake's wildcards, ``{dataset}``, ``{fov}``, ``{sample}`` and
``{fit}``, and some more that are filled in before Snakemake sees them. `fovea.config.steps` says
which step writes which file, and `fovea.config.plan` which of them a config asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

#: Made by a rule, unlike other recordings.
DEMO_RECORDING, DEMO_TRUTH = "data/demo.ome.tiff", "data/demo_truth"

RESULTS = "results"
STATUS, INDEX = "results/status.csv", "results/index.csv"

# --- Of a dataset
METADATA = "results/{dataset}/metadata.yaml"
PROCESSING_CONFIG = "results/{dataset}/processing_config.yaml"
FOUND = "results/{dataset}/segmentation.yaml"
PREPARED = "results/{dataset}/prepared.yaml"
PREPARED_TRACKING = "results/{dataset}/prepared_tracking.yaml"
FLAT_FIELD = "results/{dataset}/flat_field_ch_{fl}.tif"
IMPORTED_TRACES = "results/{dataset}/{dataset}_traces.csv"

# --- Of a field of view. An array or a store is whole when it has its zarr.json, written last.
FIELD = "results/{dataset}/fov_{fov}"
IMAGES = f"{FIELD}/images.zarr/zarr.json"
GROUP = f"{FIELD}/images.zarr/{{group}}/zarr.json"
ARRAY = f"{FIELD}/images.zarr/{{group}}/{{level}}/zarr.json"
BOXES = f"{FIELD}/images.zarr/{{group}}/boxes/zarr.json"
MEDIANS = f"{FIELD}/images.zarr/{{group}}/tile_medians/zarr.json"
CELLS_STORE = f"{FIELD}/cells.zarr"
CELLS = f"{CELLS_STORE}/zarr.json"
TABLE = f"{FIELD}/{{dataset}}_fov_{{fov}}_{{table}}.csv"
REPORT = "results/report/{dataset}_fov_{fov}"

# --- Pages. The first is that of the run, which leads to the others.
START_PAGE = "results/report/index.html"
PAGE = "results/report/{kind}/{name}.html"
THUMBNAIL = "results/report/fields/{dataset}_fov_{fov}.webp"
TO_SEND = "results/report/to_send"

#: In the folder of the config key `edited_tracks`.
EDITED = "{dataset}_fov_{fov}.csv"

# --- Of samples
MERGED = "results/merged/{sample}_{table}.{suffix}"
#: Where cells were at the last merge. It is no output, which Snakemake would delete before a merge.
SEEN = ".fovea/places"
ANALYSIS = "results/analysis/{name}"
PLOT = "results/analysis/plots/{name}"

# --- Logs
DATASET_LOG = "logs/{dataset}/{step}.log"
FIELD_LOG = "logs/{dataset}/fov_{fov}/{step}.log"
MERGE_LOG = "logs/merged/{sample}_merge.log"
ANALYSIS_LOG = "logs/analysis/{step}.log"


def fill(template: str, **known: object) -> str:
    """Return a template with these of its wildcards filled in; the others stay."""
    for key, value in known.items():
        template = template.replace(f"{{{key}}}", str(value))
    return template


def arrays(groups: Iterable[str], level: int = 0) -> list[str]:
    """Return the file of each array that is written last."""
    return [fill(ARRAY, group=group, level=level) for group in groups]


def group_files(groups: Iterable[str]) -> list[str]:
    """Return the metadata of channel groups."""
    return [fill(GROUP, group=group) for group in groups]


def benchmark(log: str) -> str:
    """Return the file for Snakemake's benchmark of the step that writes a log."""
    return log.replace("logs/", "benchmarks/", 1).removesuffix(".log") + ".tsv"


def place_of(path: str | Path) -> tuple[str, int | None]:
    """Return dataset and field of view of a file in the results; None where it holds several."""
    parent = Path(path).parent
    if parent.name.startswith("fov_"):
        return parent.parent.name, int(parent.name.removeprefix("fov_"))
    return parent.name, None
