"""What a config asks for: every step of its datasets, samples and fits, and every file.

The rules, the state of a run and the merging of samples ask this module, so that none of them has
to know which files there are. Snakemake parses its rules in every job, hence no numpy here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from fovea.config import samples
from fovea.config.dataset_plan import DatasetPlan
from fovea.config.datasets import channel_indices, features_for, recordings
from fovea.config.fovs import ALL
from fovea.config.names import channel_of
from fovea.config.paths import Paths, fill
from fovea.config.rule_layouts import Layout, layouts_of
from fovea.config.steps import Step, Steps
from fovea.errors import FoveaError
from fovea.jobs import resources

#: Dataset to its fields of view that samples do without; None stands for all of the dataset.
LeftOut = Mapping[str, Sequence[int] | None]


class Plan:
    """What a checked config asks for.

    Parameters
    ----------
    left_out : mapping
        What samples do without because it failed.
    only : sequence of str, optional
        The samples that are made; by default all of the config for which there are traces.

    Attributes
    ----------
    paths, steps
        Templates of all files, and the steps whose files have the same names for every config.
    datasets : dict of str to DatasetPlan
        The datasets that are recordings.
    traces : dict of str to Step
        The datasets that are given by their traces, and how these are read.
    samples : list of str
        The samples that are made.
    fits : dict of str to dict
        The entries of `analysis`, by the name of their files without the sample.
    aligned : dict of str to dict
        The entries of `aligned`, by the name of their files.
    """

    def __init__(
        self, config: Mapping, left_out: LeftOut | None = None, only: Iterable[str] | None = None
    ):
        self.config = config
        self.left_out: LeftOut = left_out or {}
        self.steps = steps = Steps(Paths.of(config))
        self.paths = steps.paths
        self.datasets = {
            name: DatasetPlan(name, config["datasets"][name], *channel_indices(config, name),
                              features_for(config, name), steps)
            for name in recordings(config)
        }  # fmt: skip
        self.traces = {name: steps.IMPORT_TRACES.of(dataset=name)
                       for name in config["datasets"] if name not in self.datasets}  # fmt: skip
        known = samples.sample_names(config)
        self.samples = known if only is None else [name for name in known if name in only]
        self.fits = samples.fits(config)
        self.aligned = samples.aligned(config)
        self._samples_of = {
            what: [name for name in known if entry["samples"] == ALL or name in entry["samples"]]
            for what, entry in (self.fits | self.aligned).items()
        }

    def having(self, step: str) -> list[str]:
        """Return the datasets for which there is a step."""
        return [name for name, dataset in self.datasets.items()
                if any(found.name == step for found in dataset.possible_steps())]  # fmt: skip

    def with_reference(self) -> list[str]:
        """Return the datasets whose tracked cells can be scored against a reference."""
        return [name for name in self.having("track") if self.datasets[name].entry["reference"]]

    def dataset_files(self, dataset: str, fovs: Sequence[int]) -> list[str]:
        """Return what is made of these fields of view of a dataset, and of the dataset itself."""
        steps, plan = self.steps, self.datasets[dataset]
        about = (steps.INSPECT_INPUT, steps.PROCESSING_CONFIG)
        files = [file for step in about for file in step.of(dataset=dataset).files]
        files += [file for fov in fovs for file in plan.field_files(fov)]
        for fov in fovs:
            files += steps.FIELD_PAGE.of(dataset=dataset, fov=f"{fov:03d}").files
        if fovs and not plan.params["copy_only"]:
            files += steps.OVERVIEW.of(dataset=dataset, fov=f"{fovs[0]:03d}").files
        return files

    def field_count(self) -> int:
        """Return the number of fields of view, as far as recordings have been inspected."""
        return sum(
            (resources.fields(fill(self.paths.METADATA, dataset=name))
             if dataset.entry["fovs"] == ALL else len(dataset.entry["fovs"]))
            - len(dataset.entry["exclude_fovs"])
            for name, dataset in self.datasets.items()
        )  # fmt: skip

    def layouts(self, step: str) -> list[Layout]:
        """Return the layouts of a step among the datasets: those whose outputs have other names."""
        plans = [self.datasets[name] for name in self.having(step)]
        found = {plan.name: next(s for s in plan.possible_steps() if s.name == step)
                 for plan in plans}  # fmt: skip
        return layouts_of(found, lambda name: self.datasets[name].layout_name(step))

    def added_layouts(self) -> list[Layout]:
        """Return the layouts of copying for fields of view to which channels were added."""
        found = []
        for name, dataset in self.datasets.items():
            fovs: dict[tuple[str, ...], list[int]] = {}
            for fov, added in dataset.added.items():
                fovs.setdefault(tuple(added), []).append(fov)
            for added, those in fovs.items():
                what = "_".join(added).replace("_ch_", "_")
                for word, step in zip(("before", "added"), dataset.copies(added), strict=True):
                    rule = f"copy_raw_{name}_{word}_{what}"
                    found.append(Layout(rule, [name], step, sorted(those)))
        return found

    def merge_layouts(self) -> list[Layout]:
        """Return the layouts of merging: the samples that have other columns."""
        found = {name: self._merge(name) for name in self.samples}
        return layouts_of(found, lambda name: f"merge_{name}")

    def merged(self, sample: str) -> list[str]:
        """Return the merged tables of a sample, as CSV."""
        return list(self._merge(sample).of(sample=sample)["csv"])

    def _merge(self, sample: str) -> Step:
        tables = ["traces", "traces_cells", *samples.sample_columns(self.config, sample)]
        outputs = {suffix: [fill(self.paths.MERGED, table=name, suffix=suffix) for name in tables]
                   for suffix in ("csv", "parquet")}  # fmt: skip
        return self.steps.step("merge", self.paths.MERGE_LOG, **outputs)

    def merge_inputs(
        self, sample: str, fovs: Callable[[str], Iterable[int]]
    ) -> dict[str, list[str] | str]:
        """Return what a sample is merged from.

        `fovs` returns the fields of view of a dataset that are processed, or raises FoveaError.
        """
        found: dict[str, list[str] | str] = {"traces": [], "cells": [], "metadata": []}
        for dataset in samples.sample_parts(self.config, sample):
            if dataset in self.traces:
                found["traces"] += self.traces[dataset].files
                continue
            try:
                chosen = self.sample_fovs(sample, dataset, fovs)
            except FoveaError:  # the job that makes this file says what is wrong, and fails
                found["metadata"] += [fill(self.paths.PROCESSING_CONFIG, dataset=dataset)]
                continue
            for fov in chosen:
                done = self.steps.EXTRACT.of(dataset=dataset, fov=f"{fov:03d}")
                found["traces"] += [done["traces"]]
                found["cells"] += [done["cells"]]
            found["metadata"] += [fill(self.paths.METADATA, dataset=dataset)] * bool(chosen)
        curation = self.config["curation"]
        return found | ({"curation": curation} if curation and os.path.exists(curation) else {})

    def sample_fovs(
        self, sample: str, dataset: str, fovs: Callable[[str], Iterable[int]]
    ) -> list[int]:
        """Return a sample's fields of view in a dataset, without those that are left out."""
        without = self.left_out.get(dataset, [])
        if without is None:
            return []
        chosen = samples.sample_fovs(self.config, sample, dataset, fovs(dataset))
        return [fov for fov in chosen if fov not in without]

    def page_images(
        self, sample: str, fit: str, fovs: Callable[[str], Iterable[int]]
    ) -> dict[str, list[str]]:
        """Return the images that the page of a fit shows: tracked cells, and raw channels.

        `fovs` is as for `merge_inputs`.
        """
        found: dict[str, list[str]] = {"tracked": [], "raw": []}
        shown = self.fits[fit]["channel"]
        for dataset in samples.sample_parts(self.config, sample):
            if dataset in self.traces:
                continue
            plan = self.datasets[dataset]
            raw = [group for group in plan.groups("pc", "fl")
                   if group.startswith("pc") or channel_of(group) == shown]  # fmt: skip
            try:
                chosen = self.sample_fovs(sample, dataset, fovs)
            except FoveaError:  # so merging fails, and this page is not made
                continue
            for fov in chosen:
                place = {"dataset": dataset, "fov": f"{fov:03d}"}
                for name, groups in (("tracked", plan.groups("seg_tracked")), ("raw", raw)):
                    found[name] += [fill(file, **place) for file in self.paths.arrays(groups)]
        return found

    def competing(self, sample: str, fit: str) -> list[str]:
        """Return the comparison in which a fit takes part, if there is one."""
        return [
            str(self.steps.COMPARE.of(sample=sample, group=group)["table"])
            for group, members in self.comparisons(sample).items()
            if fit in members.values()
        ]

    def samples_of(self, what: str) -> list[str]:
        """Return the samples of a fit or of aligned curves, whether or not they are made."""
        return self._samples_of[what]

    def made(self, what: str) -> list[str]:
        """Return those of the samples that are made."""
        return [name for name in self.samples_of(what) if name in self.samples]

    def fits_of(self, sample: str) -> dict[str, str]:
        """Return the fits of a sample by their names, with their files."""
        return {fit: self.steps.FIT.of(sample=sample, fit=fit)["fits"]
                for fit in self.fits if sample in self.samples_of(fit)}  # fmt: skip

    def fitted(self, fit: str) -> dict[str, str]:
        """Return the samples of a fit that are made, with their files."""
        return {name: self.steps.FIT.of(sample=name, fit=fit)["fits"] for name in self.made(fit)}

    def comparisons(self, sample: str) -> dict[str, dict[str, str]]:
        """Return what is compared for a sample: name of the comparison to label and fit."""
        return samples.comparisons({fit: self.fits[fit] for fit in self.fits_of(sample)})

    def all_comparisons(self) -> list[str]:
        """Return the comparisons of all samples."""
        return list({group: None for name in self.samples for group in self.comparisons(name)})

    def sample_steps(self, sample: str) -> list[Step]:
        """Return the steps that are done for a sample alone, in their order."""
        found = [self._merge(sample), self.steps.PLOT_TRACES, self.steps.SAMPLE_PAGE]
        for fit in self.fits_of(sample):
            here = [self.steps.FIT, self.steps.FIT_PAGE]
            here += [] if samples.is_measure(self.fits[fit]) else [self.steps.PLOT_FITS]
            here += [self.steps.SHARE] if self.fits[fit]["shared"] else []
            found += [step.of(fit=fit) for step in here]
        found += [self.steps.COMPARE.of(group=group) for group in self.comparisons(sample)]
        found += [step for key, step in self.steps.EXPORTS.items() if self.config[key]]
        return [step.of(sample=sample) for step in found]

    def common_steps(self) -> list[Step]:
        """Return the steps that put samples side by side."""
        found = [self.steps.PLOT_RETENTION] if self.samples else []
        for fit in filter(self.fitted, self.fits):
            found += [self.steps.PARAMETERS.of(fit=fit), self.steps.PARAMETERS_PAGE.of(fit=fit)]
            if self.fits[fit]["population"]:
                found.append(self.steps.POPULATIONS.of(fit=fit))
            if not samples.is_measure(self.fits[fit]):
                found.append(self.steps.PLOT_QUALITY.of(fit=fit))
        return found + [self.steps.ALIGNED.of(aligned=a) for a in self.aligned if self.made(a)]

    def sample_files(self) -> list[str]:
        """Return everything that is made of samples."""
        alone = [step for name in self.samples for step in self.sample_steps(name)]
        return [file for step in alone + self.common_steps() for file in step.files]

    def pages(self) -> list[str]:
        """Return the pages of samples and fits."""
        return [file for file in self.sample_files() if file.endswith(".html")]

    def check(self, source: str) -> None:
        """Raise FoveaError if two steps of samples write the same file; `source` is the config."""
        written: dict[str, str] = {}
        for sample in (*self.samples, None):
            for step in self.common_steps() if sample is None else self.sample_steps(sample):
                what = f"step {step.name}" + (f" of sample {sample}" if sample else "")
                for file in step.files:
                    if file in written:
                        raise FoveaError(
                            f"{source}: {written[file]} and {what} would both write {file}; give "
                            "the sample or the fit (analysis) another name"
                        )
                    written[file] = what

    def words_left_out(self, *names: str) -> list[str]:
        """Say what samples do without because it failed, and which samples are not there at all."""
        words = []
        for name in names:
            parts = samples.sample_parts(self.config, name)
            here = samples.left_out_words(self.left_out, parts)
            words += here if name in self.samples else [f"sample {name} (failed)"]
        return words
