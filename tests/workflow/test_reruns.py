"""What runs again after a change: exactly the steps that depend on it."""

from __future__ import annotations

import copy
import re
import shutil

import pytest
import yaml

from fovea.config.schema import SCHEMA, load_schema
from fovea.config.validation import validated
from fovea.plugins.registry import SEGMENTATION, TRACKING
from support.harness import REPOSITORY, copied, dry_run_with

pytestmark = pytest.mark.xdist_group("workflow-finished")

STEPS = ("inspect_input", "copy_raw", "segment", "track", "background", "crop", "extract", "cache",
         "field_page")  # fmt: skip
ALL = set(STEPS)
COPY = ALL - {"inspect_input"}
SEGMENT = {"segment", "track", "background", "crop", "extract", "field_page", "cache"}
TRACK = {"track", "crop", "extract", "field_page", "cache"}
BACKGROUND = {"background", "crop", "extract", "field_page", "cache"}
CROP = {"crop", "extract", "field_page"}
EXTRACT = {"extract", "field_page"}

# Parameter: a value that `finished` does not have, and the steps that then run again.
PARAMETERS = {
    "segmentation.window_size": (5, SEGMENT),
    "segmentation.threshold": ("otsu", SEGMENT),
    "segmentation.morph_size": (5, SEGMENT),
    "segmentation.morph_iterations": (2, SEGMENT),
    "segmentation.min_object_size": (51, SEGMENT),
    "segmentation.max_object_size": (9999, SEGMENT),
    "segmentation.order": ("open_close", SEGMENT),
    "tracking.min_iou": (0.2, TRACK),
    "tracking.overlap": ("mask", TRACK),
    "tracking.min_size": (10, TRACK),
    "tracking.max_size": (5000, TRACK),
    "background.method": ("local_surface", BACKGROUND),
    "background.dilation_radius": (9, BACKGROUND),
    "background.tile_size": (65, BACKGROUND),
    "background.tile_overlap": (0.25, BACKGROUND),
    "background.rounding_error": (0.0, BACKGROUND),
    "background.weight": (0.8, EXTRACT),
    "background.save_corrected": (True, BACKGROUND),
    "cropping.padding": (6, CROP),
    "cropping.keep": (False, EXTRACT),
    "flat_field.method": ("recording", BACKGROUND),
    "flat_field.images": ({1: "data/flat.tif", 2: "data/flat.tif"}, BACKGROUND),
    "flat_field.dark": (1.0, set()),
    "photobleaching": (True, set()),
    "cropping.drift": (True, TRACK),
    "display.drift": (True, TRACK),
    "extraction.min_frames": (3, EXTRACT),
    "extraction.border_margin": (4, EXTRACT),
    "extraction.keep_merged": (True, EXTRACT),
    "seed": (1, set()),
    "preset": (None, SEGMENT),
    "copy_only": (True, {"field_page"}),
}
# Parameters that need another one, which is changed together with them.
NEEDS = {
    "segmentation.method": ("segmentation.cell_diameter", 30),
    "cropping.drift": ("tracking.drift", True),
    "display.drift": ("tracking.drift", True),
    "flat_field.images": ("flat_field.method", "image"),
}
# Steps that are added, beside those that run again; test_corrections.py looks at them.
ADDED = ("flat_field", "photobleaching", "find_cells")
METHODS = {"segmentation": (SEGMENTATION, SEGMENT), "tracking": (TRACKING, TRACK)}
RULES = load_schema(SCHEMA)["properties"]["params"]
#: What the config of the run says without words.
USUAL = validated({
    "datasets": {"a": {"input": "a.tif", "channels": {"pc": 0}}}, "params": {"preset": "pyama"}
})["params"]  # fmt: skip


def another(value, rules: dict):
    """A value other than the usual one that the schema allows."""
    if isinstance(value, bool):
        return not value
    if "enum" in rules:
        return next(word for word in rules["enum"] if word != value)
    step = 1 if rules["type"] == "integer" else 0.125
    return value + step if value + step <= rules.get("maximum", value + step) else value - step


for section, (registry, steps) in METHODS.items():
    keys = RULES["properties"][section]["properties"]
    for key in registry.parameters(USUAL[section]["method"]):
        if f"{section}.{key}" not in PARAMETERS:
            value = another(USUAL[section][key], keys[key])
            PARAMETERS[f"{section}.{key}"] = (value, steps)
    for method in registry:
        if method != USUAL[section]["method"]:
            PARAMETERS[f"{section}.method"] = (method, steps)


def swap(entry: dict) -> None:
    """The channel of the cells and the first fluorescence change places."""
    entry["channels"]["pc"]["channel"], entry["channels"]["fl"][0]["channel"] = 1, 0


# A change of the entry of dataset `main`, the steps that then run again in it.
ENTRY = {
    "channels.pc.channel": (swap, COPY),
    "channels.pc.name": (lambda e: e["channels"]["pc"].update(name="Phase"), set()),
    "channels.pc.features": (lambda e: e["channels"]["pc"].update(features=["area"]), EXTRACT),
    "channels.fl[].channel": (lambda e: e["channels"]["fl"].pop(), BACKGROUND),
    "channels.fl[].name": (lambda e: e["channels"]["fl"][0].update(name="GFP"), set()),
    "channels.fl[].features": (lambda e: e["channels"]["fl"][1].update(features=[]), EXTRACT),
    "z": (lambda e: e.update(z="max"), COPY),
    "time.interval": (lambda e: e.update(time={"interval": 10}), set()),
    "time.unit": (lambda e: e.update(time={"unit": "h"}), set()),
    "time.override": (lambda e: e.update(time={"override": True}), set()),
    "time.mapping": (lambda e: e.update(time={"mapping": {t: t**2 for t in range(6)}}), set()),
    "input": (lambda e: e.update(input="data/same.ome.tiff"), ALL),
}


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    """A copy of the finished run, for dry runs."""
    place = copied(finished, tmp_path_factory.mktemp("reruns") / "run")
    shutil.copy2(place / "data" / "small.ome.tiff", place / "data" / "same.ome.tiff")
    (place / "data" / "flat.tif").write_bytes(b"never read")
    return place


@pytest.fixture(scope="module")
def config(folder):
    return yaml.safe_load((folder / "config" / "config.yaml").read_text("utf-8"))


def changed(config: dict, place: str, value) -> dict:
    """The config with another value of a general parameter."""
    new = copy.deepcopy(config)
    for where, what in ((place, value), NEEDS.get(place, (place, value))):
        node = new["params"]
        *parents, key = where.split(".")
        for name in parents:
            node = node.setdefault(name, {})
        node[key] = what
    return new


def with_entry(config: dict, change) -> dict:
    """The config with a changed entry of `main`."""
    new = copy.deepcopy(config)
    change(new["datasets"]["main"])
    return new


@pytest.fixture(scope="module")
def runs(folder, config):
    """A dry run for each change, by name of what is changed."""
    configs = {place: changed(config, place, value) for place, (value, _) in PARAMETERS.items()}
    configs |= {place: with_entry(config, change) for place, (change, _) in ENTRY.items()}
    configs |= {
        "other": config | {
            "samples": [{"name": "s", "dataset": "main", "fovs": [0]}],
            "skip_failed": True,
            "demo": {"seed": 5, "frames": 7},
        },
        "own params": with_entry(config, lambda e: e.update(params={"cropping": {"padding": 8}})),
        "more": with_entry(config, lambda e: e.update(fovs="0-2")),
        "fewer": with_entry(config, lambda e: e.update(exclude_fovs=[0])),
        "no phase contrast": with_entry(config, lambda e: e["channels"].update(pc=None)),
    }  # fmt: skip
    return dry_run_with(folder, configs)


def steps_of(run, name: str) -> dict[str, set[str]]:
    """Field of view to its steps, for one dataset; the notes on the whole dataset are left out."""
    by_fov = {}
    for step, dataset_name, fov in run.steps:
        if dataset_name == name and step not in (
            "processing_config", "overview", *ADDED,
        ):  # fmt: skip
            by_fov.setdefault(fov, set()).add(step)
    return by_fov


def expected(steps: set[str], *fovs: str) -> dict[str, set[str]]:
    """As `steps_of` gives it."""
    inspected = {"": {"inspect_input"}} if "inspect_input" in steps else {}
    rest = steps - {"inspect_input"}
    return inspected | (dict.fromkeys(fovs, rest) if rest else {})


@pytest.mark.parametrize("place", PARAMETERS)
def test_parameter(runs, place):
    steps = PARAMETERS[place][1]
    # `corrected` has its own values of these
    own = {key: set() for key in ("background.weight", "background.save_corrected")}
    assert steps_of(runs[place], "main") == expected(steps, "000", "001")
    assert steps_of(runs[place], "corrected") == expected(own.get(place, steps), "002")
    assert steps_of(runs[place], "raw") == {}


@pytest.mark.parametrize("place", PARAMETERS)
def test_what_was_run_is_written_down_again(runs, place):
    noted = {name for step, name, _ in runs[place].steps if step == "processing_config"}
    own = {"background.weight", "background.save_corrected", "copy_only"}
    assert noted == {"main", "raw", "corrected"} - (
        {"raw"} if place == "copy_only" else {"corrected"} if place in own else set()
    )


@pytest.mark.parametrize("place", ENTRY)
def test_dataset_entry(runs, place):
    assert steps_of(runs[place], "main") == expected(ENTRY[place][1], "000", "001")
    assert steps_of(runs[place], "corrected") == {}
    assert steps_of(runs[place], "raw") == {}


def test_weight_of_corrected_images(folder, config):
    new = copy.deepcopy(config)
    new["datasets"]["corrected"]["params"]["background"]["weight"] = 0.7
    run = dry_run_with(folder, {"weight": new})["weight"]
    assert steps_of(run, "corrected") == expected(BACKGROUND, "002")
    assert steps_of(run, "main") == {}


def test_own_parameters_concern_one_dataset(runs):
    assert steps_of(runs["own params"], "main") == expected(CROP, "000", "001")
    assert steps_of(runs["own params"], "corrected") == {}


def test_samples_and_other_keys_rerun_no_step(runs):
    """What samples name is checked again, that is all for recordings."""
    assert {step for step, _, _ in runs["other"].steps} == {"processing_config"}


def test_an_added_field_of_view_is_the_only_one_to_run(runs):
    assert steps_of(runs["more"], "main") == expected(COPY, "002")


def test_an_excluded_field_of_view_reruns_nothing(runs):
    assert steps_of(runs["fewer"], "main") == {}


def test_without_phase_contrast_nothing_depends_on_it(runs):
    left = {"background", "cache", "field_page"}
    assert steps_of(runs["no phase contrast"], "main") == expected(left, "000", "001")


def leaves(node: dict, place: str = ""):
    """Keys of the schema without keys of their own."""
    for name, item in node.get("properties", {}).items():
        here = f"{place}.{name}".lstrip(".")
        if "properties" in item:
            yield from leaves(item, here)
        else:
            yield here


def test_every_parameter_is_in_the_table():
    """But those of methods that `finished` does not use: a section is one parameter of its rule."""
    found = set(leaves(RULES)) - {"preprocess"}
    for section, (registry, _) in METHODS.items():
        used = {"method", *registry.parameters(USUAL[section]["method"])}
        found -= {
            place
            for place in found
            if place.startswith(f"{section}.") and place.split(".")[1] not in used
        }
        if len(registry) == 1:
            found.remove(f"{section}.method")
    assert found == set(PARAMETERS)


def told(text: str) -> set[str]:
    """The steps that a cell of the column "reruns" names."""
    text = text.split(";")[0]
    short = {name.split("_")[0]: name for name in STEPS}
    if text in ("inspect, copy and all after it", "all steps"):
        return ALL
    if text == "copy and all after it":
        return COPY
    if text == "none":
        return set()
    return {short[name] for name in text.split(", ")}


README = re.findall(
    r"^\| `([^`]+)` \|.*\| ([^|]+?) \|$", (REPOSITORY / "config/README.md").read_text("utf-8"), re.M
)


@pytest.mark.parametrize(("key", "reruns"), README)
def test_reference_of_the_config_says_the_same(key, reruns):
    place = key.removeprefix("params.").removeprefix("datasets.NAME.")
    sections = {section: steps for section, (_, steps) in METHODS.items()}
    known = {place: steps for place, (_, steps) in (PARAMETERS | ENTRY).items()}
    if place in known or place.split(".")[0] in sections:
        steps = known.get(place, sections.get(place.split(".")[0])) - {"field_page"}
        said = told(reruns) - {"field_page"}  # pages follow whatever they show
        assert said <= steps if place in NEEDS else said == steps


def test_reference_of_the_config_has_all_of_them():
    keys = {key for key, _ in README}
    assert {f"params.{place}" for place in PARAMETERS} <= keys
    assert {f"datasets.NAME.{place}" for place in ENTRY} <= keys
