"""What a schema cannot say of datasets and samples: features, fields of view, related keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, pairwise

from fovea.config.analysis import check_analysis
from fovea.config.derived import check_derived
from fovea.config.fovs import ALL, format_fovs, parse_fovs
from fovea.config.inputs import FORMS
from fovea.config.layouts import LAYOUTS
from fovea.config.patterns import PLACEHOLDERS, check_pattern
from fovea.config.schema import SCHEMA, Place, Problems, load_schema
from fovea.config.words import allowed, show_path
from fovea.errors import FoveaError, show, unknown
from fovea.plugins.registry import FLUORESCENCE_FEATURES, PHASE_FEATURES, Registry

_PLACEHOLDER = re.compile(rf"\{{(?:{'|'.join(PLACEHOLDERS)})(?::[^{{}}]*)?\}}")


class Checker:
    """Adds to `problems` what is wrong with a config whose defaults are filled in.

    Values that have a problem are not checked again. In the config, lists of fields of view are
    replaced by ``"all"`` or a list of int.
    """

    def __init__(self, config: dict, problems: Problems):
        self.config = config
        self.problems = problems
        self._known = 0  # problems that `_ok` has seen, and the places at and around them
        self._doubtful: set[Place] = set()

    def check(self) -> None:
        """Check everything but `params`."""
        datasets = self.config.get("datasets")
        datasets = list(datasets) if isinstance(datasets, dict) else []
        for name in datasets:
            self._source(("datasets", name))
            self._input(("datasets", name, "input"))
            self._fovs(("datasets", name))
            self._channels(("datasets", name, "channels"))
            self._time(("datasets", name, "time"))
            self._reference(("datasets", name))
        self._samples(datasets)
        if not self.problems:  # it relies on samples and channels without problems
            check_derived(self.config, self.problems)
        if not self.problems:
            check_analysis(self.config, self.problems)

    def _source(self, place: Place) -> None:
        """Check that a dataset is either a recording or traces."""
        entry = self._get(place)
        if not isinstance(entry, dict):
            return
        traces = entry.get("traces")
        if "input" in entry and traces is not None:
            self.problems.setdefault(
                (*place, "traces"),
                "input and traces are both given; remove input to analyse the traces as they are, "
                "or traces to process the recording",
            )
        meant = any("did you mean 'input'" in text for text in self.problems.values())
        if "input" not in entry and traces is None and not meant:
            known = load_schema(SCHEMA)["properties"]["datasets"]["additionalProperties"]
            self.problems.setdefault(
                (*place, "input"),
                f"this key is missing; allowed: {allowed(known['properties']['input'])}; "
                "or give traces that were measured before, as traces",
            )

    def _input(self, place: Place) -> None:
        if not self._ok(*place):
            return
        value = self._get(place)
        if not isinstance(value, dict):
            for i, path in enumerate(value if isinstance(value, list) else [value]):
                here = (*place, i) if isinstance(value, list) else place
                if _PLACEHOLDER.search(path):
                    self.problems[here] = (
                        f"{show(path)} has placeholders; write input: {{pattern: {path!r}}}"
                    )
        elif set(value) - {"axes", "sizes"} not in map(set, FORMS) or (
            "files" not in value and {"axes", "sizes"} & set(value)
        ):
            self.problems[place] = (
                f"{show(value)} is not understood; allowed: {{pattern: ...}}, "
                "{layout: ..., folder: ...}, {files: ...} or {files: ..., axes: ...}"
            )
        elif "pattern" in value:
            wrong = check_pattern(value["pattern"])
            if wrong:
                self.problems[(*place, "pattern")] = f"{show(value['pattern'])} {wrong}"
        elif "layout" in value:
            if value["layout"] not in LAYOUTS:
                text = unknown(value["layout"], "layout", LAYOUTS)
                self.problems[(*place, "layout")] = text
        else:
            axes = value.get("axes", "YX").removesuffix("YX")
            for axis in set(value.get("sizes", {})) - set(axes):
                self.problems[(*place, "sizes", axis)] = (
                    f"there is no axis {axis} in axes; allowed: {', '.join(axes) or 'none'}"
                )

    def _reference(self, place: Place) -> None:
        here = (*place, "reference")
        if not self._ok(*here) or (path := self._get(here)) is None:
            return
        wrong = [name for name in re.findall(r"\{([^{}]*)\}", path) if name != "fov"]
        if wrong:
            self.problems[here] = (
                f"{show(path)} has {{{wrong[0]}}}, which is no placeholder; allowed: {{fov}}"
            )
        elif "{fov}" not in path:
            self.problems[here] = (
                f"{show(path)} has no {{fov}} and would serve every field of view; "
                "allowed: a path with {fov}, or null"
            )
        elif self._ok(*place, "channels") and self._get((*place, "channels", "pc")) is None:
            self.problems[here] = (
                "there is no phase contrast (pc), so that there are no cells to score; "
                "allowed: null"
            )

    def _fovs(self, place: Place) -> None:
        for key in ("fovs", "exclude_fovs"):
            self._parse((*place, key), may_be_empty=key == "exclude_fovs")
        if not (self._ok(*place, "fovs") and self._ok(*place, "exclude_fovs")):
            return
        fovs, excluded = (self._get((*place, key)) for key in ("fovs", "exclude_fovs"))
        if excluded == ALL or (fovs != ALL and not set(fovs) - set(excluded)):
            self.problems[(*place, "exclude_fovs")] = (
                f"{show(format_fovs(excluded))} excludes every field of view of the dataset; "
                "leave at least one"
            )

    def _parse(self, place: Place, *, may_be_empty: bool = False) -> None:
        """Replace a list of fields of view by ``"all"`` or a list of int."""
        if not self._ok(*place):
            return
        *parent, key = place
        value = self._get(place)
        if may_be_empty and value in ("", []):
            self._get(parent)[key] = []
            return
        try:
            fovs = parse_fovs(value)
        except FoveaError as error:
            self.problems[place] = str(error)
        else:
            self._get(parent)[key] = ALL if fovs is None else fovs

    def _channels(self, place: Place) -> None:
        if self._ok(*place):
            channels = self._get(place)
            if channels["pc"] is None and not channels["fl"]:
                self.problems[place] = (
                    "neither pc nor fl names a channel, so there is nothing to do; "
                    "allowed: pc, fl or both, such as {pc: 0, fl: [1]}"
                )
        used: dict[int, Place] = {}
        measured_here = self._get((*place[:-1], "traces")) is None
        for here, entry, registry in self._channel_entries(place):
            if measured_here:
                self._features((*here, "features"), entry.get("features"), registry)
            if not self._ok(*here, "channel"):
                continue
            index = entry["channel"]
            if index in used:
                self.problems[here] = (
                    f"channel {index} is given already as {show_path(used[index])}; "
                    "allowed: each channel once"
                )
            used.setdefault(index, here)

    def _channel_entries(self, place: Place) -> Iterator[tuple[Place, dict, Registry]]:
        fl = self._get((*place, "fl"))
        places = [(*place, "fl", i) for i in range(len(fl) if isinstance(fl, list) else 0)]
        for here in [(*place, "pc"), *places]:
            entry = self._get(here)
            if isinstance(entry, dict):
                yield here, entry, PHASE_FEATURES if here[-1] == "pc" else FLUORESCENCE_FEATURES

    def _features(self, place: Place, features: object, registry: Registry) -> None:
        other = FLUORESCENCE_FEATURES if registry is PHASE_FEATURES else PHASE_FEATURES
        for i, feature in enumerate(features if isinstance(features, list) else []):
            if (*place, i) not in self.problems and feature not in registry:
                also = f"; {feature!r} is a {other.kind}" if feature in other else ""
                self.problems[(*place, i)] = registry.unknown(feature) + also

    def _time(self, place: Place) -> None:
        if not self._ok(*place):
            return
        time = self._get(place)
        if time["mapping"] is None:
            return
        if time["interval"] is not None:
            self.problems[place] = (
                "interval and mapping are both given, and each sets the time of every frame; "
                "set one of them to null"
            )
        times: dict[int, float] = {}
        for key, value in time["mapping"].items():
            if int(key) in times:
                self.problems[(*place, "mapping", key)] = f"frame {int(key)} is given twice"
            times[int(key)] = value
        time["mapping"] = dict(sorted(times.items()))
        for before, frame in pairwise(time["mapping"]):
            if times[frame] <= times[before]:
                self.problems[(*place, "mapping", str(frame))] = (
                    f"{show(times[frame])} is not later than frame {before}, "
                    f"{show(times[before])}; times must increase"
                )

    def _samples(self, datasets: list[str]) -> None:
        samples = self.config.get("samples")
        earlier: dict[str, dict[int | str, dict]] = {}
        for i, sample in enumerate(samples if isinstance(samples, list) else []):
            if not isinstance(sample, dict):
                continue
            place = ("samples", i)
            if "dataset" not in sample and len(datasets) == 1:
                sample["dataset"] = datasets[0]
            name = sample.get("dataset")
            if datasets and name not in datasets:
                text = "this key is missing, and there are several datasets; allowed: "
                text += ", ".join(datasets)
                if name is not None:
                    text = unknown(name, "dataset of this config", datasets)
                self.problems.setdefault((*place, "dataset"), text)
            self._parse((*place, "fovs"))
            checked = (("datasets", name, key) for key in ("fovs", "exclude_fovs"))
            if self._ok(*place) and all(self._ok(*there) for there in checked):
                owners = earlier.setdefault(name, {})
                self._sample_fovs((*place, "fovs"), sample, owners)
                for fov in [ALL] if sample["fovs"] == ALL else sample["fovs"]:
                    owners.setdefault(fov, sample)

    def _sample_fovs(self, place: Place, sample: dict, owners: dict[int | str, dict]) -> None:
        """Check those of one sample; `owners` has the sample of each field of view before it."""
        dataset = self.config["datasets"][sample["dataset"]]
        own, known, excluded = sample["fovs"], dataset["fovs"], set(dataset["exclude_fovs"])
        outside = set(own) - set(known) if ALL not in (own, known) else set()
        if outside:
            self.problems[place] = (
                f"{show(format_fovs(outside))} is not among the dataset's fovs; "
                f"allowed: {format_fovs(known)}"
            )
        elif own != ALL and not set(own) - excluded:
            self.problems[place] = (
                f"{show(format_fovs(own))} is excluded by the dataset's exclude_fovs; "
                "name a field of view that is not, or remove this entry"
            )
        if own == ALL:
            other = next(iter(owners.values()), None)
        else:
            wanted = (fov for fov in (ALL, *own) if fov in owners and fov not in excluded)
            other = next(map(owners.get, wanted), None)
        if other is not None:
            both = own if other["fovs"] == ALL else other["fovs"]
            if ALL not in (own, other["fovs"]):
                both = set(own) & set(both) - excluded
            self.problems.setdefault(
                place,
                f"{show(format_fovs(both))} is in sample {other['name']!r} already; "
                "allowed: each field of view in one sample, once",
            )

    def _ok(self, *place: str | int) -> bool:
        """Whether there is a value at `place` and nothing is wrong with it."""
        new = len(self.problems) - self._known  # a dict keeps the order, so they are the last ones
        for bad in islice(reversed(self.problems), new):
            self._doubtful.update(bad[:n] for n in range(len(bad) + 1))
        self._known += new
        return self._get(place, self) is not self and place not in self._doubtful

    def _get(self, place: Place, missing: object = None) -> object:
        value = self.config
        for part in place:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return missing
        return value
