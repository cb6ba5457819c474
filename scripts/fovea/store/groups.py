"""Channel groups of ``images.zarr``: their paths, OME-NGFF metadata and provenance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fovea import __version__
from fovea.store.metadata import read_attributes, write_group


def groups_of(files: str | Iterable[str]) -> list[Path]:
    """Channel groups of ``zarr.json`` files, of the groups themselves or of arrays in them."""
    parents = [Path(file).parent for file in ([files] if isinstance(files, str) else files)]
    return [path.parent if path.name.isdigit() else path for path in parents]


def provenance(step: str, parameters: dict, **more) -> dict:
    """Attributes of an array: the step that made it, its parameters, Fovea's version, units."""
    return {"fovea": {"step": step, "version": __version__, "parameters": parameters, **more}}


def pixel_size(group: str | Path) -> tuple[float, float] | None:
    """Return height and width of a pixel of a channel group in micrometers; None if unknown."""
    multiscale = read_attributes(group)["ome"]["multiscales"][0]
    if any(axis.get("unit") != "micrometer" for axis in multiscale["axes"][1:]):
        return None
    height, width = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"][1:]
    return height, width


def ngff(
    name: str,
    pixel_size_um=None,
    interval_s: float | None = None,
    window=None,
    position_um=None,
    label: str | None = None,
) -> dict:
    """OME-NGFF 0.5 attributes of a group with a (t, y, x) array ``0``.

    Parameters
    ----------
    name : str
        Name of the image.
    pixel_size_um : (float, float) or None
        Height and width of a pixel in micrometers, where known.
    interval_s : float or None
        Mean time between frames in seconds, where known.
    window : (float, float, float, float) or None
        Lowest and highest value of the type, and the values to show as black and white.
    position_um : (float, float) or None
        Where the stage stood, y and x in micrometers, where known; the translation of pixel (0, 0),
        so that fields of view lie beside one another. Left out where the pixel size is not known.
    label : str or None
        Name of the channel for people; `name` by default. Written where there is a `window`.
    """
    axes = [{"name": "t", "type": "time"}, *({"name": n, "type": "space"} for n in "yx")]
    scale = [1.0, 1.0, 1.0]
    if interval_s is not None:
        axes[0]["unit"] = "second"
        scale[0] = float(interval_s)
    if pixel_size_um is not None:
        for axis in axes[1:]:
            axis["unit"] = "micrometer"
        scale[1:] = (float(n) for n in pixel_size_um)
    transformations = [{"type": "scale", "scale": scale}]
    if pixel_size_um is not None and position_um is not None:
        place = [0.0, *(float(n) for n in position_um)]
        transformations.append({"type": "translation", "translation": place})
    dataset = {"path": "0", "coordinateTransformations": transformations}
    return _ome({"name": name, "axes": axes, "datasets": [dataset]}, label or name, window)


def _ome(multiscale: dict, label: str, window) -> dict:
    content = {"version": "0.5", "multiscales": [multiscale]}
    if window is not None:
        limits = dict(zip(("min", "max", "start", "end"), map(float, window), strict=True))
        shown = {"label": label, "color": "FFFFFF", "active": True, "window": limits}
        content["omero"] = {"channels": [shown]}
    return {"ome": content}


def derived_metadata(
    group: str | Path, name: str, window=None, labels: bool = False, placed: bool = True
) -> dict:
    """OME-NGFF attributes of an image derived from a group, with the same axes and scale.

    Viewers colour an image of `labels`; one that is not `placed` does not keep its position on the
    stage. The window is as for `ngff`.
    """
    multiscale = {**read_attributes(group)["ome"]["multiscales"][0], "name": name}
    if not placed:
        (dataset,) = multiscale["datasets"]
        scale = dataset["coordinateTransformations"][:1]
        multiscale["datasets"] = [{**dataset, "coordinateTransformations": scale}]
    derived = _ome(multiscale, name, window)
    if labels:
        derived["ome"]["image-label"] = {}
    return derived


def write_derived_group(
    group: str | Path, source: str | Path, window=None, labels: bool = False
) -> None:
    """Write the ``zarr.json`` of a channel group derived from another, see `derived_metadata`."""
    group = Path(group)
    write_group(group, derived_metadata(source, group.name, window, labels))
