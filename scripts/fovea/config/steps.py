"""The steps of the workflow: what each writes, and where it logs.

Attributes of `Steps` are the steps whose outputs have the same names for every config; their
wildcards are those of the rule. The others depend on the channels, see `fovea.config.dataset_plan`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from fovea.config.names import group_name
from fovea.config.paths import Paths, fill


@dataclass(frozen=True)
class Step:
    """A step of the workflow; log and outputs are templates, see `fovea.config.paths`."""

    name: str  # what messages call it; for a dataset and its fields of view also the rule
    log: str
    benchmark: str  # Snakemake's file of the time and memory that it took
    outputs: Mapping[str, str | Sequence[str]]  # by the names that the rule gives to them
    kept: bool = True  # False where they are deleted as soon as no step needs them any more

    def __getitem__(self, name: str) -> str | Sequence[str]:
        return self.outputs[name]

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
        return replace(self, name=filled(self.name), log=filled(self.log),
                       benchmark=filled(self.benchmark), outputs=outputs)  # fmt: skip


class Steps:
    """The steps of a run, with the paths that its config gives them."""

    def __init__(self, paths: Paths):
        self.paths = paths
        whole, field, analysis, page = self._whole, self.of_field, self._analysis, self._page

        self.INSPECT_INPUT = whole("inspect_input", metadata=paths.METADATA)
        self.PROCESSING_CONFIG = whole("processing_config", config=paths.PROCESSING_CONFIG)
        self.FIND_CELLS = whole("find_cells", found=paths.FOUND)
        self.PREPARE_SEGMENTATION = whole("prepare_segmentation", prepared=paths.PREPARED)
        self.PREPARE_TRACKING = whole("prepare_tracking", prepared=paths.PREPARED_TRACKING)
        self.FLAT_FIELD = whole("flat_field_ch_{fl}", gain=paths.FLAT_FIELD)
        self.IMPORT_TRACES = whole("import_traces", traces=paths.IMPORTED_TRACES)

        self.SEGMENT = self.segment("{pc}")
        self.PHOTOBLEACHING = field("photobleaching", trend=self.table("photobleaching"),
                                    fits=self.table("photobleaching_fits"))  # fmt: skip
        self.EXTRACT = field("extract", traces=self.table("traces"), cells=self.table("cells"))
        self.OVERVIEW = field("overview", figure=f"{paths.REPORT}.png")
        self.EVALUATE = field("evaluate", table=f"{paths.REPORT}_scores.csv",
                              figure=f"{paths.REPORT}_worst_cells.png")  # fmt: skip

        self.FIELD_PAGE = field("field_page", page=fill(paths.PAGE, kind="fields",
                                name="{dataset}_fov_{fov}"), thumbnail=paths.THUMBNAIL)  # fmt: skip

        self.PLOT_TRACES = analysis("plot_traces", "{sample}_plot_traces", plot="{sample}_traces")
        self.FIT = analysis("{fit}", "{sample}_{fit}", fits="{sample}_{fit}.csv")
        self.PLOT_FITS = analysis("plot_fits of {fit}", "{sample}_{fit}_plot_fits",
                                  plot="{sample}_{fit}_examples")  # fmt: skip
        self.SHARE = analysis("share of {fit}", "{sample}_{fit}_shared",
                              "{sample}_{fit}_shared_parameters",
                              fits="{sample}_{fit}_shared.csv")  # fmt: skip
        self.COMPARE = analysis("compare of {group}", "{sample}_{group}_models",
                                "{sample}_{group}_models")  # fmt: skip
        self.EXPORT_ANNDATA = analysis("export_anndata", "{sample}_anndata", h5ad="{sample}.h5ad")
        self.EXPORT_EXCEL = analysis("export_excel", "{sample}_excel", xlsx="{sample}.xlsx")
        #: By the keys of the config that ask for them.
        self.EXPORTS = {"anndata": self.EXPORT_ANNDATA, "excel": self.EXPORT_EXCEL}

        self.PARAMETERS = analysis("parameters of {fit}", "{fit}_parameters", "{fit}_parameters",
                                   "{fit}_parameters")  # fmt: skip
        self.POPULATIONS = analysis("populations of {fit}", "{fit}_populations",
                                    "{fit}_populations", "{fit}_populations",
                                    cells="{fit}_population_cells.csv",
                                    differences="{fit}_differences.csv")  # fmt: skip
        self.ALIGNED = analysis("aligned of {aligned}", "{aligned}", "{aligned}", "{aligned}",
                                events="{aligned}_events.csv")  # fmt: skip
        self.PLOT_QUALITY = analysis("plot_quality of {fit}", "{fit}_plot_quality",
                                     plot="{fit}_quality")  # fmt: skip
        self.PLOT_RETENTION = analysis("plot_retention", "plot_retention", plot="retention")

        self.SAMPLE_PAGE = page("sample_page", "{sample}_page", "samples", "{sample}")
        self.FIT_PAGE = page("fit_page of {fit}", "{sample}_{fit}_page", "fits", "{sample}_{fit}")
        self.PARAMETERS_PAGE = page("parameters_page of {fit}", "{fit}_page", "parameters", "{fit}")
        self.TO_SEND = self.step("pages_to_send", fill(paths.ANALYSIS_LOG, step="pages_to_send"),
                                 pages=paths.TO_SEND)  # fmt: skip

    def step(self, name: str, log: str, /, **outputs: str | Sequence[str]) -> Step:
        """Return a step with the benchmark that belongs to its log."""
        return Step(name, log, self.paths.benchmark(log), outputs)

    def of_field(self, name: str, log: str = "", /, **outputs: str | Sequence[str]) -> Step:
        """Return a step that is done for each field of view; `log` where it is not called alike."""
        return self.step(name, fill(self.paths.FIELD_LOG, step=log or name), **outputs)

    def writing(
        self, name: str, groups: Sequence[str], log: str = "", **more: str | Sequence[str]
    ) -> Step:
        """Return a step of a field of view that writes these channel groups, as `of_field`."""
        return self.of_field(name, log, arrays=self.paths.arrays(groups),
                             groups=self.paths.group_files(groups), **more)  # fmt: skip

    def segment(self, pc: int | str) -> Step:
        """Return the segmentation of a phase-contrast channel."""
        group = group_name("seg_labeled", pc)
        return self.of_field("segment", group_name("segment", pc),
                             labels=self.paths.arrays([group])[0],
                             group=self.paths.group_files([group])[0])  # fmt: skip

    def track(self, pc: int) -> Step:
        """Return the tracking in a phase-contrast channel."""
        group = group_name("seg_tracked", pc)
        return self.of_field("track", group_name("track", pc),
                             labels=self.paths.arrays([group])[0],
                             group=self.paths.group_files([group])[0],
                             boxes=fill(self.paths.BOXES, group=group),
                             lineage=self.table("lineage"), merges=self.table("merges"),
                             drift=self.table("drift"))  # fmt: skip

    def table(self, name: str) -> str:
        """Return a table of a field of view."""
        return fill(self.paths.TABLE, table=name)

    def merged(self, table: str, suffix: str = "parquet") -> str:
        """Return a table of a sample: ``traces``, ``traces_cells`` or a feature's column."""
        return fill(self.paths.MERGED, table=table, suffix=suffix)

    def _whole(self, name: str, **outputs: str) -> Step:
        """Return a step that is done once for a dataset."""
        return self.step(name, fill(self.paths.DATASET_LOG, step=name), **outputs)

    def _analysis(
        self, name: str, log: str, table: str = "", plot: str = "", **outputs: str
    ) -> Step:
        found = {"table": fill(self.paths.ANALYSIS, name=f"{table}.csv")} if table else {}
        found |= {key: fill(self.paths.ANALYSIS, name=file) for key, file in outputs.items()}
        for suffix in ("pdf", "png") if plot else ():
            found[suffix] = fill(self.paths.PLOT, name=f"{plot}.{suffix}")
        return self.step(name, fill(self.paths.ANALYSIS_LOG, step=log), **found)

    def _page(self, name: str, log: str, kind: str, page: str) -> Step:
        return self.step(name, fill(self.paths.ANALYSIS_LOG, step=log),
                         page=fill(self.paths.PAGE, kind=kind, name=page))  # fmt: skip
