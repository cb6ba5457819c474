"""The structure of OME-Zarr stores: images, plates, `bioformats2raw` layouts. JSON only.

Metadata of NGFF 0.4 and before stand in `.zattrs`, of 0.5 in `zarr.json` under `ome`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from fovea.errors import FoveaError
from fovea.recordings.readers.ome_xml import OmeImage, parse_ome
from fovea.recordings.readers.stack import Stack
from fovea.recordings.readers.units import micrometers, seconds


@dataclass
class Image(Stack):
    """One multiscale image: a field of view."""

    path: str = ""  # absolute, of the array of full resolution
    axes: str = ""  # letters, as the array's axes: some of t, c, z, then y, x
    shape: tuple[int, ...] = ()  # of the array

    @property
    def stored_sizes(self) -> tuple[int, int, int]:
        """Numbers of frames, channels and z planes of the array."""
        size = dict(zip(self.axes, self.shape, strict=True))
        return size.get("t", 1), size.get("c", 1), size.get("z", 1)


def find_images(root: str, name: str, remarks: list[str]) -> list[Image]:
    """List the images of the store in directory `root`, in the order of its metadata.

    Here and below, `name` is the store's name in messages. What the metadata list and the store
    does not hold is added to `remarks`. It is a FoveaError if there is no image in a known layout.
    """
    attributes = read_attributes(root, name)
    if attributes is None:
        raise FoveaError(
            f"{name}: is a Zarr array without OME metadata, which do not say what its axes are; "
            "name the OME-Zarr image that holds it"
        )
    if "plate" in attributes:
        return _plate(root, attributes["plate"], name, remarks)
    if "well" in attributes:
        missing: list[str] = []
        images = _well(root, attributes["well"], "", name, missing)
        if not images:
            raise _nothing(name, "well", missing)
        _remark(remarks, "well", "field", missing)
        return images
    if "multiscales" in attributes:
        return [_image(root, attributes, "", name)]
    if "bioformats2raw.layout" in attributes or os.path.isdir(os.path.join(root, "OME")):
        return _bioformats2raw(root, name, remarks)
    raise FoveaError(
        f"{name}: is a Zarr store, but no OME-Zarr image, plate or bioformats2raw layout; "
        "name the image in it, or export it as OME-Zarr 0.4 or 0.5"
    )


def read_attributes(path: str, name: str) -> dict[str, Any] | None:
    """Return a group's OME attributes, whichever version; None for an array."""
    if os.path.exists(os.path.join(path, ".zarray")):
        return None
    group = read_json(os.path.join(path, "zarr.json"), name)
    if group is None:
        attributes = read_json(os.path.join(path, ".zattrs"), name) or {}
    elif group.get("node_type") == "array":
        return None
    else:
        attributes = group.get("attributes", {})
    return {**attributes, **attributes.get("ome", {})}


def read_json(path: str, name: str) -> dict[str, Any] | None:
    """Return a JSON file's content; None if there is no such file."""
    try:
        with open(path, encoding="utf-8") as handle:
            return json.load(handle)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise FoveaError(
            f"{name}: {os.path.basename(path)} in it cannot be read ({error}); copy the store again"
        ) from error


def read_array(path: str, name: str) -> dict[str, Any] | None:
    """Return an array's metadata, whichever version; None if there are none."""
    meta = read_json(os.path.join(path, "zarr.json"), name)
    return read_json(os.path.join(path, ".zarray"), name) if meta is None else meta


def _inside(path: str, part: str, name: str) -> str:
    """Return the path of a part of the store `name`; FoveaError for one that leads out of it."""
    if ".." in part.split("/"):
        raise FoveaError(
            f"{name}: names {part!r} as a part of it, which leads out of it; export it again"
        )
    return os.path.join(path, *part.split("/"))


def _plate(root: str, plate: dict[str, Any], name: str, remarks: list[str]) -> list[Image]:
    images: list[Image] = []
    wells: list[str] = []  # that are missing, and so on
    fields: list[str] = []
    for well in plate.get("wells", []):
        path = _inside(root, well["path"], name)
        label = well["path"].replace("/", "")
        attributes = read_attributes(path, name) or {}
        if "well" in attributes:
            images += _well(path, attributes["well"], label, name, fields)
        else:
            wells.append(label)
    if not images:
        raise _nothing(name, "plate", [*wells, *fields])
    _remark(remarks, "plate", "well", wells)
    _remark(remarks, "plate", "field", fields)
    return images


def _well(
    path: str, well: dict[str, Any], label: str, name: str, missing: list[str]
) -> list[Image]:
    images = []
    for entry in well.get("images", []):
        where, place = _inside(path, entry["path"], name), f"{label} {entry['path']}".strip()
        attributes = read_attributes(where, name)
        if attributes and "multiscales" in attributes and _has_array(where, attributes, name):
            images.append(_image(where, attributes, place, name))
        else:
            missing.append(place)
    return images


def _remark(remarks: list[str], group: str, part: str, missing: list[str]) -> None:
    if missing:
        remarks.append(f"the {group} lists {_count(part, missing)}, which the store does not hold")


def _count(part: str, missing: list[str]) -> str:
    listed = ", ".join(missing[:8]) + (", ..." if len(missing) > 8 else "")
    return f"{len(missing)} {part}{'s' * (len(missing) > 1)} ({listed})"


def _nothing(name: str, group: str, missing: list[str]) -> FoveaError:
    if missing:
        return FoveaError(
            f"{name}: its {group} lists {_count('part', missing)}, and none of them is in the "
            "store; copy the rest of the store, too"
        )
    return FoveaError(f"{name}: its {group} lists no field with an image; export it again")


def _bioformats2raw(root: str, name: str, remarks: list[str]) -> list[Image]:
    folder = os.path.join(root, "OME")
    attributes = read_attributes(folder, name) or {} if os.path.isdir(folder) else {}
    document = _xml(os.path.join(folder, "METADATA.ome.xml"), name)
    series = [str(entry) for entry in attributes.get("series") or []]
    places = list(range(len(series)))  # in the document
    if not series:
        there = {int(entry): entry for entry in os.listdir(root) if entry.isdigit()}
        places = sorted(set(there) | set(range(len(document))))
        series = [there.get(place, str(place)) for place in places]
    images = []
    missing: list[str] = []
    for place, entry in zip(places, series, strict=True):
        where = _inside(root, entry, name)
        own = read_attributes(where, name)
        if own and "multiscales" in own and _has_array(where, own, name):
            image = _image(where, own, "", name)
            if place < len(document):
                _add_xml(image, document[place])
            images.append(image)
        else:
            missing.append(entry)
    if not images:
        raise FoveaError(f"{name}: none of its series holds an image; export it again")
    _remark(remarks, "store", "image", missing)
    return images


def _xml(path: str, name: str) -> list[OmeImage]:
    if not os.path.exists(path):
        return []
    with open(path, "rb") as handle:
        try:
            return parse_ome(handle.read()).images
        except ValueError as error:
            raise FoveaError(f"{name}: METADATA.ome.xml in it: {error}; export it again") from error


def _add_xml(image: Image, ome: OmeImage) -> None:
    """Add metadata from OME-XML that the JSON lacks."""
    image.name = image.name or ome.name
    if not any(image.channels):
        image.channels = list(ome.channels)
    image.pixel_size_um = image.pixel_size_um or ome.pixel_size_um
    image.position_um = ome.position_um or image.position_um
    image.interval_s = image.interval_s or ome.interval_s
    if ome.stamps is not None and ome.stamps.shape == (image.sizes[1], image.sizes[0]):
        image.stamps = ome.stamps


def _has_array(path: str, attributes: dict[str, Any], name: str) -> bool:
    """Return whether the array of an image's full resolution is there, or which it is unknown."""
    try:
        dataset = attributes["multiscales"][0]["datasets"][0]["path"]
    except (KeyError, IndexError, TypeError):
        return True
    return read_array(_inside(path, dataset, name), name) is not None


def _image(path: str, attributes: dict[str, Any], label: str, name: str) -> Image:
    multiscale = attributes["multiscales"][0]
    try:
        dataset = multiscale["datasets"][0]
        array = _inside(path, dataset["path"], name)
        meta = read_array(array, name)
        if meta is None:
            raise FoveaError(
                f"{name}: the array {os.path.relpath(array, path)} of image "
                f"{label or multiscale.get('name') or 0} is missing; copy the store again"
            )
        shape = tuple(int(n) for n in meta["shape"])
        dtype = meta.get("data_type") or meta.get("dtype")
    except (KeyError, IndexError, TypeError) as error:
        raise FoveaError(f"{name}: its image metadata lack {error}; export it again") from error
    axes, units = _axes(multiscale, len(shape), name)
    scale, translation = _transform(multiscale, dataset, len(shape))
    size = dict(zip(axes, shape, strict=True))
    channels = (attributes.get("omero") or {}).get("channels") or []
    image = Image(
        name, label or _word(multiscale.get("name")), *shape[-2:], str(dtype),
        tuple(size.get(axis, 1) for axis in "tcz"),
        [_word(channel.get("label")) or None for channel in channels],
        path=array, axes=axes, shape=shape,
    )  # fmt: skip
    um = [micrometers(unit) for unit in units]
    y, x = axes.index("y"), axes.index("x")
    if um[y] and um[x]:
        image.pixel_size_um = {"y": _round(scale[y] * um[y]), "x": _round(scale[x] * um[x])}
        if translation[y] or translation[x]:
            image.position_um = {
                "x": _round(translation[x] * um[x]), "y": _round(translation[y] * um[y])
            }  # fmt: skip
    if "t" in axes:
        unit = seconds(units[axes.index("t")])
        image.interval_s = scale[axes.index("t")] * unit if unit else None
    return image


def _word(value: object) -> str:
    return " ".join(str(value).split()) if value not in (None, "") else ""


def _round(value: float) -> float:
    return float(f"{value:.12g}")


def _axes(multiscale: dict[str, Any], count: int, name: str) -> tuple[str, list[str]]:
    """Return the letters of the axes, and their units."""
    given = multiscale.get("axes")
    if not given:  # before 0.3 they were fixed
        return "tczyx"[-count:], [""] * count
    entries = [{"name": axis} if isinstance(axis, str) else axis for axis in given]
    known = {"time": "t", "channel": "c"}
    axes = "".join(
        known.get(str(entry.get("type", "")), str(entry.get("name", "")).lower()[:1])
        for entry in entries
    )
    alike = len(axes) != count or len(set(axes)) < count
    if alike or axes[-2:] != "yx" or set(axes) - set("tczyx"):
        names = ", ".join(str(entry.get("name")) for entry in entries)
        raise FoveaError(
            f"{name}: its axes are {names}; Fovea reads some of t, c, z, then y, x; export it again"
        )
    return axes, [str(entry.get("unit") or "") for entry in entries]


def _transform(
    multiscale: dict[str, Any], dataset: dict[str, Any], count: int
) -> tuple[list[float], list[float]]:
    """Return scale and translation of the full resolution, in the units of the axes."""
    scale, translation = [1.0] * count, [0.0] * count
    transforms = dataset.get("coordinateTransformations") or []
    for step in [*transforms, *(multiscale.get("coordinateTransformations") or [])]:
        values = step.get(step.get("type"))
        if not isinstance(values, list) or len(values) != count:
            continue
        if step["type"] == "scale":
            scale = [a * float(b) for a, b in zip(scale, values, strict=True)]
            translation = [a * float(b) for a, b in zip(translation, values, strict=True)]
        elif step["type"] == "translation":
            translation = [a + float(b) for a, b in zip(translation, values, strict=True)]
    return scale, translation
