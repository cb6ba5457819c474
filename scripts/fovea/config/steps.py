"""The steps of the workflow: what each writes, and where it logs.

The constants are the steps whose outputs have the same names for every config; their wildcards are
those of the rule. The others depend on the channels, see `fovea.config.dataset_plan`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from fovea.config import paths
from fovea.config.names import group_name
from fovea.config.paths import fill


@dataclass(frozen=True)
class Step:
    """A step of the workflow; log and outputs are templates, see `fovea.config.paths`."""

    name: str  # what messages call it; for a dataset and its fields of view also the rule
    log: str
    outputs: Mapping[str, str | Sequence[str]]  # by the names that the rule gives to them
    kept: bool = True  # False where they are deleted as soon as no step needs them any more

    def __getitem__(self, name: str) -> str | Sequence[str]:
        return self.outputs[name]

    @property
    def benchmark(self) -> str:
        """Snakemake's file of the time and memory that it took."""
        return paths.benchmark(self.log)

    @property
    def files(self) -> list[str]:
        """All outputs."""
        return list(chain.from_iterable(
            [out] if isinstance(out, str) else out for out in self.outputs.values()
        ))  # fmt: skip

    def of(self, **wildcards: object) -> Step:
        """Return the step with these wildcards filled in."""

        def filled(out: str | Sequence[str]) -> str | list[str]:
            return fill(out, **wildcards) if isinstance(out, str) else list(map(filled, out))

        outputs = {name: filled(out) for name, out in self.outputs.items()}
        return replace(self, name=filled(self.name), log=filled(self.log), outputs=outputs)


def dataset_step(name: str, **outputs: str) -> Step:
    """Return a step that is done once for a dataset."""
    return Step(name, fill(paths.DATASET_LOG, step=name), outputs)


def field_step(name: str, log: str = "", /, **outputs: str | Sequence[str]) -> Step:
    """Return a step that is done for each field of view; `log` where it is not called alike."""
    return Step(name, fill(paths.FIELD_LOG, step=log or name), outputs)


def _analysis(name: str, log: str, table: str = "", plot: str = "", **outputs: str) -> Step:
    found = {"table": fill(paths.ANALYSIS, name=f"{table}.csv")} if table else {}
    found |= {name: fill(paths.ANALYSIS, name=file) for name, file in outputs.items()}
    for suffix in ("pdf", "png") if plot else ():
        found[suffix] = fill(paths.PLOT, name=f"{plot}.{suffix}")
    return Step(name, fill(paths.ANALYSIS_LOG, step=log), found)


def _page(name: str, log: str, kind: str, page: str) -> Step:
    return Step(name, fill(paths.ANALYSIS_LOG, step=log),
                {"page": fill(paths.PAGE, kind=kind, name=page)})  # fmt: skip


def table(name: str) -> str:
    """Return a table of a field of view."""
    return fill(paths.TABLE, table=name)


def merged(table: str, suffix: str = "parquet") -> str:
    """Return a table of a sample: ``traces``, ``traces_cells`` or a feature's column."""
    return fill(paths.MERGED, table=table, suffix=suffix)


def segment(pc: int | str) -> Step:
    """Return the segmentation of a phase-contrast channel."""
    group = group_name("seg_labeled", pc)
    return field_step("segment", group_name("segment", pc), labels=paths.arrays([group])[0],
                      group=paths.group_files([group])[0])  # fmt: skip


def track(pc: int) -> Step:
    """Return the tracking in a phase-contrast channel."""
    group = group_name("seg_tracked", pc)
    return field_step("track", group_name("track", pc), labels=paths.arrays([group])[0],
                      group=paths.group_files([group])[0], boxes=fill(paths.BOXES, group=group),
                      lineage=table("lineage"), merges=table("merges"),
                      drift=table("drift"))  # fmt: skip


INSPECT_INPUT = dataset_step("inspect_input", metadata=paths.METADATA)
PROCESSING_CONFIG = dataset_step("processing_config", config=paths.PROCESSING_CONFIG)
FIND_CELLS = dataset_step("find_cells", found=paths.FOUND)
PREPARE_SEGMENTATION = dataset_step("prepare_segmentation", prepared=paths.PREPARED)
PREPARE_TRACKING = dataset_step("prepare_tracking", prepared=paths.PREPARED_TRACKING)
FLAT_FIELD = dataset_step("flat_field_ch_{fl}", gain=paths.FLAT_FIELD)
IMPORT_TRACES = dataset_step("import_traces", traces=paths.IMPORTED_TRACES)

SEGMENT = segment("{pc}")
PHOTOBLEACHING = field_step("photobleaching", trend=table("photobleaching"),
                            fits=table("photobleaching_fits"))  # fmt: skip
EXTRACT = field_step("extract", traces=table("traces"), cells=table("cells"))
OVERVIEW = field_step("overview", figure=f"{paths.REPORT}.png")
EVALUATE = field_step("evaluate", table=f"{paths.REPORT}_scores.csv",
                      figure=f"{paths.REPORT}_worst_cells.png")  # fmt: skip

FIELD_PAGE = field_step("field_page", page=fill(paths.PAGE, kind="fields",
                        name="{dataset}_fov_{fov}"), thumbnail=paths.THUMBNAIL)  # fmt: skip

PLOT_TRACES = _analysis("plot_traces", "{sample}_plot_traces", plot="{sample}_traces")
FIT = _analysis("{fit}", "{sample}_{fit}", fits="{sample}_{fit}.csv")
PLOT_FITS = _analysis("plot_fits of {fit}", "{sample}_{fit}_plot_fits",
                      plot="{sample}_{fit}_examples")  # fmt: skip
SHARE = _analysis("share of {fit}", "{sample}_{fit}_shared", "{sample}_{fit}_shared_parameters",
                  fits="{sample}_{fit}_shared.csv")  # fmt: skip
COMPARE = _analysis("compare of {group}", "{sample}_{group}_models", "{sample}_{group}_models")
EXPORT_ANNDATA = _analysis("export_anndata", "{sample}_anndata", h5ad="{sample}.h5ad")
EXPORT_EXCEL = _analysis("export_excel", "{sample}_excel", xlsx="{sample}.xlsx")
#: By the keys of the config that ask for them.
EXPORTS = {"anndata": EXPORT_ANNDATA, "excel": EXPORT_EXCEL}

PARAMETERS = _analysis("parameters of {fit}", "{fit}_parameters", "{fit}_parameters",
                       "{fit}_parameters")  # fmt: skip
POPULATIONS = _analysis("populations of {fit}", "{fit}_populations", "{fit}_populations",
                        "{fit}_populations", cells="{fit}_population_cells.csv",
                        differences="{fit}_differences.csv")  # fmt: skip
ALIGNED = _analysis("aligned of {aligned}", "{aligned}", "{aligned}", "{aligned}",
                    events="{aligned}_events.csv")  # fmt: skip
PLOT_QUALITY = _analysis("plot_quality of {fit}", "{fit}_plot_quality", plot="{fit}_quality")
PLOT_RETENTION = _analysis("plot_retention", "plot_retention", plot="retention")

SAMPLE_PAGE = _page("sample_page", "{sample}_page", "samples", "{sample}")
FIT_PAGE = _page("fit_page of {fit}", "{sample}_{fit}_page", "fits", "{sample}_{fit}")
PARAMETERS_PAGE = _page("parameters_page of {fit}", "{fit}_page", "parameters", "{fit}")
TO_SEND = Step("pages_to_send", fill(paths.ANALYSIS_LOG, step="pages_to_send"),
               {"pages": paths.TO_SEND})  # fmt: skip
