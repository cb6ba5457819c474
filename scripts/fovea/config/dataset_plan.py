"""What is made of a recording: the steps of a dataset and of its fields of view, with their files.

`fovea.config.plan` puts the datasets and samples of a config together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

from fovea.config.inputs import resolve_input
from fovea.config.names import group_name, split
from fovea.config.paths import DEMO_RECORDING, DEMO_TRUTH, Paths, fill
from fovea.config.phase_tuning import leaves_open
from fovea.config.steps import Step, Steps
from fovea.jobs import resources
from fovea.plugins import loader, registry

#: Steps of a field of view whose files no other step reads.
LAST_STEPS = ("photobleaching", "extract", "cache")

#: What is computed from the phase-contrast channel; all other channel groups are fluorescence.
PHASE_KINDS = ("pc", "seg_labeled", "seg_tracked")
#: Parameters that name the method of a step.
_METHODS = {"segment": "segmentation", "track": "tracking"}


@dataclass(frozen=True)
class DatasetPlan:
    """What is made of a dataset that is a recording. Paths are templates."""

    name: str
    entry: Mapping = field(repr=False)  # its part of the checked config
    pc: int | None  # index of the phase-contrast channel
    fl: list[int]  # indices of the fluorescence channels
    #: Channel group to its features, in the order of the columns.
    features: Mapping[str, Sequence[str]] = field(repr=False)
    steps: Steps = field(repr=False)
    #: Field of view to the channel groups that it lacks, where others were copied before.
    added: dict[int, list[str]] = field(default_factory=dict, repr=False)

    @property
    def paths(self) -> Paths:
        """Templates of all files."""
        return self.steps.paths

    @property
    def params(self) -> Mapping:
        """Parameters of the steps: those of the dataset, with all defaults."""
        return self.entry["params"]

    @property
    def flat_field_params(self) -> dict:
        """Parameters that a flat field depends on."""
        return {key: self.params["flat_field"][key] for key in ("method", "dark")}

    @property
    def background_params(self) -> dict:
        """Parameters of the background step; those without effect there are left out.

        So is the method tile_median: results of versions that knew no other are as before.
        """
        params = dict(self.params["background"])
        del params["method" if params["method"] == "tile_median" else "tile_overlap"]
        if not params["save_corrected"]:
            del params["weight"]
        return params

    @property
    def leaves_open(self) -> bool:
        """Whether mode, contrast or diameter of method `phase` are to be found in the recording."""
        given = self.params["segmentation"]
        used = self.pc is not None and given["method"] == "phase" and not self.params["copy_only"]
        return used and leaves_open(given)

    # --- Channel groups

    def groups(self, *kinds: str) -> list[str]:
        """Return the channel groups of these kinds, such as ``pc``, ``fl`` and ``seg_tracked``."""
        phase = [] if self.pc is None else [self.pc]
        return [group_name(kind, channel) for kind in kinds
                for channel in (phase if kind in PHASE_KINDS else self.fl)]  # fmt: skip

    def background_groups(self) -> list[str]:
        """Return the groups that the background step writes."""
        corrected = ["fl_corrected"] * self.params["background"]["save_corrected"]
        return self.groups("fl_background", *corrected)

    def image_groups(self) -> list[str]:
        """Return all groups of the images that get levels for display."""
        if self.params["copy_only"]:
            return self.groups("pc", "fl")
        return self.groups("pc", "fl", "seg_labeled", "seg_tracked") + self.background_groups()

    # --- Files that steps read

    def medians(self) -> list[str]:
        """Return the tile medians of the backgrounds."""
        return [fill(self.paths.MEDIANS, group=group) for group in self.groups("fl_background")]

    def boxes(self) -> list[str]:
        """Return the boxes of the tracked cells, if there is phase contrast."""
        return [fill(self.paths.BOXES, group=group) for group in self.groups("seg_tracked")]

    def cells(self) -> str:
        """Return what the crop step declares: the last file of a kept store, or else all of it."""
        return self.paths.CELLS if self.params["cropping"]["keep"] else self.paths.CELLS_STORE

    def traces(self) -> list[str]:
        """Return the traces, if there is phase contrast."""
        return [] if self.pc is None else [self.steps.EXTRACT["traces"]]

    def overview_images(self) -> list[str]:
        """Return the arrays that the overview shows: the first channel, and the tracked cells."""
        return self.paths.arrays(self.groups("pc", "fl")[:1] + self.groups("seg_tracked"))

    def page_images(self) -> list[str]:
        """Return the arrays that the page of a field of view shows."""
        return self.overview_images()[: 1 if self.params["copy_only"] else None]

    def measured_cells(self) -> list[str]:
        """Return the table of all tracked cells, if cells are measured."""
        return [] if self.params["copy_only"] or self.pc is None else [self.steps.EXTRACT["cells"]]

    def drift(self, section: str) -> list[str]:
        """Return the table of the drift, if this section of the parameters asks for it."""
        wanted = self.params[section]["drift"] and self.pc is not None
        return [self.steps.table("drift")] if wanted and not self.params["copy_only"] else []

    def flat_fields(self) -> list[str]:
        """Return the flat fields of the fluorescence channels, if they are corrected for."""
        if self.params["flat_field"]["method"] == "none":
            return []
        return [fill(self.paths.FLAT_FIELD, fl=channel) for channel in self.fl]

    @property
    def is_demo(self) -> bool:
        """Whether its recording is the simulated one."""
        source = self.entry["input"]
        return isinstance(source, str) and os.path.normpath(source) == DEMO_RECORDING

    def recording(self) -> list[str]:
        """Return the files of the recording; that of the demo need not exist, a rule makes it."""
        return [DEMO_RECORDING] if self.is_demo else self._files

    @cached_property
    def _files(self) -> list[str]:
        """The files of the recording, listed once: every job asks, and there may be many."""
        return resolve_input(self.entry["input"])

    def reference(self, fov: str) -> str:
        """Return the reference of a field of view, or the folder in which a rule makes it."""
        path = self.entry["reference"].replace("{fov}", fov)
        made = os.path.normpath(path).startswith(f"{DEMO_TRUTH}{os.sep}")
        return DEMO_TRUTH if made else path

    def network_weights(self) -> list[str]:
        """Return the file of a network that segmentation uses, if the config names one."""
        used = self.params["segmentation"]
        return [used["weights"]] if used["method"] == "phase" and used["weights"] else []

    def found(self) -> list[str]:
        """Return the file of what the config leaves open of segmentation, if it does."""
        return [self.paths.FOUND] if self.leaves_open else []

    def prepared(self, step: str = "segmentation") -> list[str]:
        """Return the file of what a plug-in's method has fetched, if it fetches anything."""
        if self.pc is None or self.params["copy_only"] or not self.needs(step).prepare:
            return []
        return [self.paths.PREPARED if step == "segmentation" else self.paths.PREPARED_TRACKING]

    def images_to_track(self) -> list[str]:
        """Return the phase contrast, if a plug-in's tracking needs it beside the labels."""
        return self.paths.arrays(self.groups("pc")) if self.needs("tracking").images else []

    def found_for_margin(self) -> list[str]:
        """Return the same file, if extraction takes half a cell for its margin."""
        return self.found() if self.params["extraction"]["border_margin"] is None else []

    def diameter_for_margin(self) -> float | None:
        """Return the cell diameter of the config, if extraction takes half of it as its margin."""
        adapts = self.params["extraction"]["border_margin"] is None
        return self.params["segmentation"].get("cell_diameter") if adapts else None

    def flat_field_image(self, channel: str) -> list[str]:
        """Return the image that the flat field of a channel is taken from, if it is."""
        params = self.params["flat_field"]
        return [params["images"][channel]] if params["method"] == "image" else []

    def flat_field_recording(self) -> list[str]:
        """Return the recording, if flat fields are estimated from it."""
        return self.recording() if self.params["flat_field"]["method"] == "recording" else []

    # --- Steps

    def dataset_steps(self) -> list[Step]:
        """Return the steps that are done once for the dataset, in their order."""
        found = [self.steps.INSPECT_INPUT, self.steps.PROCESSING_CONFIG]
        found += [self.steps.FIND_CELLS] * self.leaves_open
        found += [self.steps.PREPARE_SEGMENTATION] * len(self.prepared())
        found += [self.steps.PREPARE_TRACKING] * len(self.prepared("tracking"))
        if self.flat_fields() and not self.params["copy_only"]:
            found += [self.steps.FLAT_FIELD.of(fl=channel) for channel in self.fl]
        return [step.of(dataset=self.name) for step in found]

    def field_steps(self, fov: int | None = None) -> list[Step]:
        """Return the steps that are done for a field of view, in their order."""
        found = self.possible_steps()[: 1 if self.params["copy_only"] else None]
        return self.copies(tuple(self.added.get(fov, ()))) + found[1:]

    def copies(self, added: Sequence[str] = ()) -> list[Step]:
        """Return how raw channels are copied: in one job, or the `added` ones in another."""
        raw = self.groups("pc", "fl")
        before = [group for group in raw if group not in added]
        found = [self.steps.writing("copy_raw", before, root=self.paths.IMAGES)]
        if added:
            found.append(self.steps.writing("copy_raw", added, "copy_raw_added"))
        return found

    def possible_steps(self) -> list[Step]:
        """Return the steps for which there are rules: with `copy_only`, more than are asked for."""
        found = self.copies()
        if self.pc is not None:
            found += [self.steps.segment(self.pc), self.steps.track(self.pc)]
        if self.fl:
            made = self.background_groups()
            found.append(self.steps.writing("background", made, medians=self.medians()))
        if self.pc is not None:
            if self.fl and self.params["photobleaching"]:
                found.append(self.steps.PHOTOBLEACHING)
            crop = self.steps.of_field("crop", cells=self.cells())
            found += [replace(crop, kept=self.params["cropping"]["keep"]), self.steps.EXTRACT]
        shown = self.paths.arrays(self.image_groups(), level=1)
        found.append(self.steps.of_field("cache", arrays=shown))
        return found

    def field_files(self, fov: int) -> list[str]:
        """Return all files of a field of view that are made and kept."""
        files = chain.from_iterable(step.files for step in self.field_steps() if step.kept)
        return [fill(file, dataset=self.name, fov=f"{fov:03d}") for file in files]

    def layout_name(self, step: str) -> str:
        """Return what tells the rule of a step apart from those of datasets of other layouts."""
        pc, fl = [] if self.pc is None else [self.pc], self.fl
        words = {"track": ["ch", *pc], "background": ["ch", *fl],
                 "crop": ["kept" if self.params["cropping"]["keep"] else "temporary"],
                 }.get(step, ["pc"] * bool(pc) + pc + ["fl"] * bool(fl) + fl)  # fmt: skip
        if step in ("background", "cache") and self.params["background"]["save_corrected"]:
            words.append("corrected")
        if step == "cache" and self.params["copy_only"]:
            words.append("copied")
        return "_".join(map(str, [step, *words]))

    # --- What steps need

    def size(self, step: str, fov: str) -> resources.Size:
        """Return the size of a field of view as a step sees it: segmentation may enlarge frames."""
        size = resources.size(fill(self.paths.METADATA, dataset=self.name), int(fov))
        return size if step != "segment" else resources.enlarged(size, self.params["segmentation"])

    def plugin_code(self, step: str) -> dict[str, str]:
        """Return the plug-in files of segmentation, tracking or extraction, with their digests."""
        if step == "extraction":
            kinds = {"pc": registry.PHASE_FEATURES, "fl": registry.FLUORESCENCE_FEATURES}
            used = [(kinds[split(group)[0]], feature)
                    for group, own in self.features.items() for feature in own]  # fmt: skip
        else:
            used = [(registry.METHODS[step], self.params[step]["method"])]
        if step == "segmentation":
            used.append((registry.PREPROCESSING, self.params["preprocess"]))
        return loader.digests(used)

    def needs(self, step: str) -> loader.Needs:
        """Return what the method of segmentation or tracking needs of the workflow."""
        return loader.needs(registry.METHODS[step], self.params[step]["method"])

    def gpus(self, step: str) -> int:
        """Return the number of GPUs that a job of segmentation or tracking asks for."""
        return int(self.needs(step).of("gpu", self.params[step]))

    def more_memory(self, step: str) -> int:
        """Return MB that a job of a step needs because of a plug-in's method."""
        return self.needs(_METHODS[step]).memory if step in _METHODS else 0

    def more_seconds(self, step: str) -> float:
        """Return seconds that a plug-in's method takes for a frame of 2048 x 2048 pixels."""
        method = _METHODS.get(step)
        return self.needs(method).of("seconds", self.params[method]) if method else 0.0

    def environment(self, step: str) -> str | None:
        """Return the conda environment file that segmentation or tracking asks for, if it does.

        The path is absolute, for Snakemake takes relative ones from the folder of its rules.
        """
        file = self.needs(step).conda
        return os.path.abspath(file) if file else None
