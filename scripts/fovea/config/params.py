"""Parameters of the steps: defaults, overrides, and what a schema cannot say of them."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields

from fovea.config.phase_tuning import MODES, NETWORKS, SMALLEST_FOR_NETWORK
from fovea.config.plugin_params import check_plugin, own_defaults
from fovea.config.presets import preset_layer
from fovea.config.schema import Place, Problems, filled
from fovea.errors import suggestion
from fovea.plugins.registry import METHODS, PREPROCESSING, Registry

# (section, the smaller key, the larger key)
_ORDERED = (
    ("segmentation", "min_object_size", "max_object_size"),
    ("tracking", "min_size", "max_size"),
)


def merged_params(layers: list[dict], schema: dict) -> dict:
    """Merge parameters, later ones over earlier ones over a preset's over the defaults.

    A section with a method holds the parameters of that method only.
    """
    result = {}
    layers = [preset_layer(layers), *layers]
    for key, item in schema["properties"].items():
        values = [layer[key] for layer in layers if key in layer]
        if "properties" not in item:
            result[key] = filled(values[-1] if values else item["default"], item)
            continue
        section: dict = {}
        for value in values:
            section |= value if isinstance(value, dict) else {}
        if key == "segmentation":
            section = _implied_method(section) | section
        given = section
        section = filled(section, item)
        method = section.get("method")
        if key in METHODS and isinstance(method, str) and method in METHODS[key]:
            wanted = ("method", *METHODS[key].parameters(method))
            # where it is false, jobs have the parameters that they had before there was the key
            wanted += ("consistency",) if section.get("consistency") is True else ()
            section = {name: section[name] for name in section if name in wanted}
            section |= own_defaults(METHODS[key], method, given)
        result[key] = section
    return result


def _implied_method(section: dict) -> dict:
    """Return the method of segmentation `logstd` where only its parameters are given, else nothing.

    It was the default when configs were written that say `morph_size` and no method.
    """
    owners = [METHODS["segmentation"].owners(key) for key in section]
    implied = "method" not in section and any(found == ["logstd"] for found in owners)
    return {"method": "logstd"} if implied else {}


def check_params(
    place: Place, params: dict, given: dict, channels: dict, rules: dict, problems: Problems
) -> None:
    """Add to `problems` what the schema of parameters, `rules`, cannot say of those at `place`.

    `params` apply there, see `merged_params`; only those `given` there are reported. `channels`
    are those of the dataset, none for the parameters of all datasets.
    """
    preprocess = given.get("preprocess")
    if isinstance(preprocess, str) and preprocess not in PREPROCESSING:
        text = PREPROCESSING.unknown(preprocess, "null")
        problems.setdefault((*place, "preprocess"), text)
    for section, registry in METHODS.items():
        if isinstance(given.get(section), dict):
            method = params[section]["method"]
            here = (*place, section)
            _check_method(here, method, params[section], given[section], registry, problems)
    if isinstance(given.get("segmentation"), dict):
        keys = rules["properties"]["segmentation"]["properties"]
        _check_phase((*place, "segmentation"), params, given["segmentation"], keys, problems)
    _check_drift(place, params, given, problems)
    _check_flat_field(place, params["flat_field"], channels, problems)
    for section, small, large in _ORDERED:
        own = given.get(section)
        keys = [key for key in (small, large) if isinstance(own, dict) and key in own]
        if text := _disorder(params[section], small, large, keys):
            problems.setdefault((*place, section, keys[0]), text)


def _check_method(
    place: Place,
    method: object,
    params: dict,
    given: dict,
    registry: Registry,
    problems: Problems,
) -> None:
    if not isinstance(method, str):
        return
    if method not in registry and "method" in given:
        problems.setdefault((*place, "method"), registry.unknown(method))
    for key in given if method in registry else ():
        owners = registry.owners(key)
        if owners and method not in owners:
            text = (
                f"this key belongs to method {' and '.join(map(repr, owners))}, but the method "
                f"is {method!r}; allowed: {', '.join(['method', *registry.parameters(method)])}"
            )
            problems.setdefault((*place, key), text)
    if method in registry:
        check_plugin(place, registry, method, params, given, problems)


def _check_phase(place: Place, params: dict, given: dict, keys: dict, problems: Problems) -> None:
    """Check a diameter of method `phase`, and names that its mode knows."""
    values = params["segmentation"]
    if values.get("method") != "phase":
        return
    diameter, mode, tuning = values["cell_diameter"], values["mode"], values["tuning"]
    most = keys["cell_diameter"]["maximum"]
    if mode in NETWORKS and isinstance(diameter, float) and diameter < SMALLEST_FOR_NETWORK:
        problems.setdefault(
            (*place, "cell_diameter"),
            f"{diameter:g} is too small for mode {mode}; "
            f"allowed: a number from {SMALLEST_FOR_NETWORK} to {most}",
        )
    if mode == "auto" and tuning and "tuning" in given:
        problems.setdefault(
            (*place, "tuning"),
            "its numbers belong to a mode, but the mode is auto; allowed: {}, or a mode, such as "
            "mode: dark",
        )
    if given.get("weights") is not None and mode not in NETWORKS:
        text = f"belongs to modes {' and '.join(NETWORKS)}, but the mode is {mode}; allowed: null"
        problems.setdefault((*place, "weights"), text)
    if isinstance(mode, str) and mode in MODES and isinstance(tuning, dict):
        known = [field.name for field in dataclass_fields(MODES[mode])]
        for name in tuning:
            if name not in known:
                problems.setdefault(
                    (*place, "tuning", name),
                    f"unknown key; mode {mode} has {', '.join(known)}" + suggestion(name, known),
                )


def _check_drift(place: Place, params: dict, given: dict, problems: Problems) -> None:
    """Report sections that use the drift of the stage where tracking does not estimate it."""
    if params["tracking"].get("drift") is True:
        return
    for section in ("cropping", "display"):
        if params[section].get("drift") is not True:
            continue
        own, tracking = (
            keys if isinstance(keys := given.get(name), dict) else {}
            for name in (section, "tracking")
        )
        if "drift" in own:
            problems.setdefault(
                (*place, section, "drift"),
                "true, but tracking.drift is not, so that no drift is known; "
                "allowed: false, or true with tracking: {drift: true}",
            )
        elif keys := [key for key in ("drift", "method") if key in tracking]:
            problems.setdefault(
                (*place, "tracking", keys[0]),
                f"no drift is estimated, but {section}.drift is true and needs it; "
                f"allowed: tracking.drift true, or {section}.drift false",
            )


def _check_flat_field(place: Place, flat: dict, channels: dict, problems: Problems) -> None:
    """Report fluorescence channels without an image of the flat field."""
    fl = channels.get("fl")
    images = flat.get("images") or {}
    if flat.get("method") != "image" or not isinstance(fl, list) or not isinstance(images, dict):
        return
    given = [entry.get("channel") for entry in fl if isinstance(entry, dict)]
    lacking = [str(channel) for channel in given if str(channel) not in images]
    if lacking:
        problems.setdefault(
            (*place, "flat_field", "images"),
            f"method is image, but there is none for channel {' and '.join(lacking)}; "
            f"allowed: an image for each channel of fl, such as {{{lacking[0]}: flat.tif}}",
        )


def _disorder(params: dict, small: str, large: str, keys: list[str]) -> str:
    """Return the message that a lower limit exceeds the upper one, as one about the first key."""
    low, high = params.get(small), params.get(large)
    if not keys or not all(isinstance(x, int | float) for x in (low, high)) or low <= high:
        return ""
    if keys[0] == small:
        text = f"{low} is more than {large}, {high}"
        remedy = f"at most {high} (pixels), or a larger {large}"
    else:
        text = f"{high} is less than {small}, {low}"
        remedy = f"at least {low} (pixels), or a smaller {small}"
    return f"{text}, so that no object would be left; allowed: {remedy}"
