"""Export tracks as a file of TrackMate, the tracking plug-in of Fiji, with the images beside it.

The elements and attributes are those that TrackMate 7 reads; lengths are in micrometers and times
in seconds where these are known, else in pixels and frames.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import tifffile
from skimage.measure import approximate_polygon, find_contours

from fovea import __version__
from fovea.errors import FoveaError
from fovea.exports.fields import Field, Tracks, read_tracks
from fovea.exports.needs import need_new
from fovea.jobs.atomic import whole_file
from fovea.store.reader import ArrayReader

_LARGEST = 4 * 2**30 - 2**24  # bytes of a TIFF that ImageJ opens
_TOLERANCE = 0.5  # pixels by which a polygon may leave the outline
#: Feature, its name, dimension, and whether it is an integer.
_SPOT = (("QUALITY", "Confidence of the track", "QUALITY", False),
         ("POSITION_X", "X", "POSITION", False), ("POSITION_Y", "Y", "POSITION", False),
         ("POSITION_Z", "Z", "POSITION", False), ("POSITION_T", "T", "TIME", False),
         ("FRAME", "Frame", "NONE", True), ("RADIUS", "Radius", "LENGTH", False),
         ("VISIBILITY", "Visibility", "NONE", True), ("AREA", "Area", "AREA", False),
         ("FOVEA_CELL", "Cell of Fovea", "NONE", True),
         ("FOVEA_MERGED", "Holds another cell, too", "NONE", True))  # fmt: skip
_EDGE = (("SPOT_SOURCE_ID", "Source spot", "NONE", True),
         ("SPOT_TARGET_ID", "Target spot", "NONE", True))  # fmt: skip
_TRACK = (("TRACK_INDEX", "Track index", "NONE", True), ("TRACK_ID", "Track ID", "NONE", True),
          ("NUMBER_SPOTS", "Number of spots", "NONE", True),
          ("NUMBER_SPLITS", "Number of divisions", "NONE", True))  # fmt: skip


def export_trackmate(field: Field, target: str | Path, images: bool = True) -> Tracks:
    """Write the tracks of a field of view as XML of TrackMate.

    Parameters
    ----------
    field : Field
    target : path
        The ``.xml``. Of objects it has outlines, of each family (a cell and its descendants) one
        track.
    images : bool
        Whether to write the raw images, too: a hyperstack of ImageJ of the same name, ``.tif``,
        with the channels (phase contrast first). The XML names it in any case.

    Raises
    ------
    FoveaError
        If the XML exists, if the images are too large for a TIFF that ImageJ opens, or if the
        results are damaged.
    """
    target = Path(target)
    need_new(target)
    tracks = read_tracks(field)
    stack = target.with_suffix(".tif")
    if images:
        _write_images(field, stack, tracks.shape)
    root = Element("TrackMate", version="7.11.1")
    SubElement(root, "Log").text = f"Written by Fovea {__version__}: {field.name}, {tracks.words}"
    units = {"spatialunits": "micron" if field.pixel_size_um else "pixel",
             "timeunits": "sec" if field.interval_s else "frame"}  # fmt: skip
    model = SubElement(root, "Model", units)
    declared = SubElement(model, "FeatureDeclarations")
    for kind, features in (("Spot", _SPOT), ("Edge", _EDGE), ("Track", _TRACK)):
        group = SubElement(declared, f"{kind}Features")
        for feature, name, dimension, whole in features:
            SubElement(group, "Feature", feature=feature, name=name, shortname=name,
                       dimension=dimension, isint=_word(whole))  # fmt: skip
    _add_spots(model, field, tracks)
    _add_tracks(model, tracks)
    _add_settings(root, field, tracks, stack.name)
    SubElement(root, "GUIState", state="ConfigureViews")
    SubElement(root, "DisplaySettings")  # empty: those of the user
    with whole_file(target) as temporary:
        ET.ElementTree(root).write(temporary, "UTF-8", xml_declaration=True)
    return tracks


def _word(value: bool) -> str:
    return "true" if value else "false"


def _scales(field: Field) -> tuple[float, float, float]:
    """Return dt, dy, dx in the units of the file."""
    return (field.interval_s or 1.0, *(field.pixel_size_um or (1.0, 1.0)))


def _add_spots(model: Element, field: Field, tracks: Tracks) -> None:
    dt, dy, dx = _scales(field)
    spots = SubElement(model, "AllSpots", nspots=str(len(tracks.frame)))
    position = tracks.position
    with ArrayReader(field.group("seg_tracked") / "0") as frames:
        for t in np.unique(tracks.frame).tolist():
            here = SubElement(spots, "SpotsInFrame", frame=str(t))
            ids = frames[t]
            for i in np.flatnonzero(tracks.frame == t).tolist():
                y0, x0, y1, x1 = tracks.boxes[i].tolist()
                cell, (y, x) = int(tracks.cell[i]), position[i].tolist()
                area = int(tracks.area[i]) * dy * dx
                outline = outline_of(ids[y0:y1, x0:x1] == cell) + np.array([y0 - y, x0 - x])
                confidence = float(tracks.confidence[i])
                values = {
                    "QUALITY": confidence, "POSITION_X": x * dx, "POSITION_Y": y * dy,
                    "POSITION_Z": 0.0, "POSITION_T": t * dt, "FRAME": t,
                    "RADIUS": float(np.sqrt(area / np.pi)), "VISIBILITY": 1, "AREA": area,
                    "FOVEA_CELL": cell, "FOVEA_MERGED": int(tracks.merged[i]),
                    "ROI_N_POINTS": len(outline),
                }  # fmt: skip
                if confidence != confidence:
                    del values["QUALITY"]
                texts = {name: str(value) for name, value in values.items()}
                spot = SubElement(here, "Spot", ID=str(i), name=f"{cell}", **texts)
                points = (outline[:, ::-1] * [dx, dy]).ravel()
                spot.text = " ".join(f"{value:.6g}" for value in points.tolist())


def outline_of(mask: np.ndarray) -> np.ndarray:
    """Return the polygon around the largest part of an object, (n, 2) float64, y and x in pixels.

    It runs half a pixel outside of the outermost pixels' centres, and is simplified by
    Douglas-Peucker's method; the last point is not the first one again.
    """
    contours = find_contours(np.pad(mask, 1).astype(np.uint8), 0.5)
    longest = max(contours, key=len) - 1
    polygon = approximate_polygon(longest, _TOLERANCE)
    polygon = polygon if len(polygon) > 3 else longest
    return polygon[:-1]


def _add_tracks(model: Element, tracks: Tracks) -> None:
    """Add families with at least one link: their links, and that all are shown."""
    family = tracks.components(tracks.links)
    all_tracks = SubElement(model, "AllTracks")
    shown = SubElement(model, "FilteredTracks")
    of_links = family[tracks.links[:, 0]]
    for number, name in enumerate(np.unique(of_links).tolist()):
        mine = of_links == name
        members = np.flatnonzero(family == name)
        splits = len(np.unique(tracks.links[mine & tracks.division, 0]))
        about = {"TRACK_ID": number, "TRACK_INDEX": number, "NUMBER_SPOTS": len(members),
                 "NUMBER_SPLITS": splits}  # fmt: skip
        first = int(tracks.cell[members[0]])
        track = SubElement(all_tracks, "Track", {"name": f"Cell_{first}"}
                           | {key: str(value) for key, value in about.items()})  # fmt: skip
        for source, end in tracks.links[mine].tolist():
            SubElement(track, "Edge", SPOT_SOURCE_ID=str(source), SPOT_TARGET_ID=str(end))
        SubElement(shown, "TrackID", TRACK_ID=str(number))


def _add_settings(root: Element, field: Field, tracks: Tracks, image: str) -> None:
    """Add what TrackMate asks for beside the model: the image, and that nothing is filtered."""
    (dt, dy, dx), (frames, height, width) = _scales(field), tracks.shape
    settings = SubElement(root, "Settings")
    about = {"filename": image, "folder": "", "width": width, "height": height, "nslices": 1,
             "nframes": frames, "pixelwidth": dx, "pixelheight": dy, "voxeldepth": 1.0,
             "timeinterval": dt}  # fmt: skip
    SubElement(settings, "ImageData", _texts(about.items()))
    crop = {"xstart": 0, "xend": width - 1, "ystart": 0, "yend": height - 1, "zstart": 0,
            "zend": 0, "tstart": 0, "tend": frames - 1}  # fmt: skip
    SubElement(settings, "BasicSettings", _texts(crop.items()))
    radius = float(np.sqrt(np.median(tracks.area) / np.pi * dy * dx)) if len(tracks.area) else dx
    SubElement(settings, "DetectorSettings", DETECTOR_NAME="MANUAL_DETECTOR", RADIUS=str(radius))
    SubElement(settings, "InitialSpotFilter", feature="QUALITY", value="0.0", isabove="true")
    SubElement(settings, "SpotFilterCollection")
    SubElement(settings, "TrackerSettings", TRACKER_NAME="MANUAL_TRACKER")
    SubElement(settings, "TrackFilterCollection")
    analyzers = SubElement(settings, "AnalyzerCollection")
    for kind in ("Spot", "Edge", "Track"):
        SubElement(analyzers, f"{kind}Analyzers")


def _texts(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    return {key: str(value) for key, value in pairs}


def _write_images(field: Field, path: Path, shape: tuple[int, int, int]) -> None:
    """Write raw channels as a hyperstack of ImageJ, (T, C, H, W) uint16."""
    groups = field.raw_groups
    size = 2 * len(groups) * int(np.prod(shape))
    if size > _LARGEST:
        raise FoveaError(
            f"{path}: its images have {size / 2**30:.1f} GB, and ImageJ opens TIFF files of up to "
            "4 GB; give --no-images"
        )
    about: dict[str, object] = {"axes": "TCYX"}
    more = {}
    if field.pixel_size_um:
        about["unit"] = "micron"
        more["resolution"] = (1 / field.pixel_size_um[1], 1 / field.pixel_size_um[0])
    if field.interval_s:
        about |= {"finterval": field.interval_s, "tunit": "sec"}
    readers = [ArrayReader(group / "0") for group in groups]
    try:
        planes = (reader[t] for t in range(shape[0]) for reader in readers)
        with whole_file(path) as temporary:
            tifffile.imwrite(temporary, planes, shape=(shape[0], len(groups), *shape[1:]),
                             dtype=np.uint16, imagej=True, metadata=about, **more)  # fmt: skip
    finally:
        for reader in readers:
            reader.close()
