"""TrackMate's XML, read by geff's reader of it; the images, read as a hyperstack of ImageJ."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import geff
import numpy as np
import pytest
import tifffile
from geff.convert import from_trackmate_xml_to_geff
from skimage.draw import polygon2mask

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.exports import trackmate
from fovea.exports.fields import read_tracks
from fovea.exports.trackmate import export_trackmate, outline_of
from support.drawn_field import draw_field, family

# TrackMate takes a name without a folder from that of the XML, and calls units as ImageJ does.
pytestmark = [
    pytest.mark.filterwarnings("ignore:No image folder found"),
    pytest.mark.filterwarnings("ignore:.*not in valid OME-Zarr units"),
]

#: What TrackMate's reader asks of each element, and does without a check or with a loud complaint.
NEEDED = {
    "TrackMate": {"version"},
    "Model": {"spatialunits", "timeunits"},
    "Feature": {"feature", "name", "shortname", "dimension", "isint"},
    "AllSpots": {"nspots"},
    "SpotsInFrame": {"frame"},
    "Spot": {"ID", "name", "POSITION_X", "POSITION_Y", "POSITION_Z", "POSITION_T", "FRAME",
             "RADIUS", "VISIBILITY", "ROI_N_POINTS"},
    "Track": {"name", "TRACK_ID", "TRACK_INDEX"},
    "Edge": {"SPOT_SOURCE_ID", "SPOT_TARGET_ID"},
    "TrackID": {"TRACK_ID"},
    "ImageData": {"filename", "folder", "width", "height", "nslices", "nframes", "pixelwidth",
                  "pixelheight", "voxeldepth", "timeinterval"},
    "BasicSettings": {"xstart", "xend", "ystart", "yend", "zstart", "zend", "tstart", "tend"},
    "DetectorSettings": {"DETECTOR_NAME", "RADIUS"},
    "InitialSpotFilter": {"feature", "value", "isabove"},
    "SpotFilterCollection": set(),
    "TrackerSettings": {"TRACKER_NAME"},
    "TrackFilterCollection": set(),
    "AnalyzerCollection": set(),
    "GUIState": {"state"},
    "DisplaySettings": set(),
}  # fmt: skip


@pytest.mark.parametrize("known", [True, False])
def test_another_reader_finds_the_same_tracks(tmp_path, known):
    field = draw_field(tmp_path, *family(), known=known)
    tracks = export_trackmate(field, tmp_path / "drawn.xml")
    from_trackmate_xml_to_geff(tmp_path / "drawn.xml", tmp_path / "tm.geff")
    graph, metadata = geff.read(str(tmp_path / "tm.geff"))
    dt, dy, dx = (600, 0.65, 0.65) if known else (1, 1, 1)
    assert len(graph) == len(tracks.frame)
    for i, (frame, cell, area, (y, x)) in enumerate(
        zip(tracks.frame, tracks.cell, tracks.area, tracks.position, strict=True)
    ):
        node = graph.nodes[i]
        assert (node["FRAME"], node["FOVEA_CELL"]) == (frame, cell)
        assert node["POSITION_T"] == frame * dt
        assert [node["POSITION_Y"], node["POSITION_X"]] == pytest.approx([y * dy, x * dx])
        assert node["AREA"] == pytest.approx(area * dy * dx)
    assert sorted(graph.edges) == sorted(map(tuple, tracks.links.tolist()))
    units = {axis.name: axis.unit for axis in metadata.axes}
    assert set(units.values()) == ({"micron", "sec"} if known else {"pixel", "frame"})


def test_all_that_trackmate_asks_for_is_there(tmp_path):
    field = draw_field(tmp_path, *family())
    export_trackmate(field, tmp_path / "drawn.xml")
    root = ET.parse(tmp_path / "drawn.xml").getroot()
    found = {}
    for element in root.iter():
        found.setdefault(element.tag, []).append(set(element.attrib))
    assert found.keys() >= NEEDED.keys()
    for tag, attributes in NEEDED.items():
        assert all(attributes <= here for here in found[tag]), tag
    declared = {feature.get("feature") for feature in root.iter("Feature")}
    used = {name for spot in root.iter("Spot") for name in spot.attrib}
    assert used <= declared | {"ID", "name", "ROI_N_POINTS"}
    assert len(root.findall("Model/AllTracks/Track")) == 2
    assert [t.get("NUMBER_SPLITS") for t in root.iter("Track")] == ["1", "0"]
    named = root.find("Settings/ImageData")
    assert (tmp_path / named.get("filename")).exists()
    assert all("QUALITY" not in s.attrib for s in root.iter("Spot") if s.get("name") == "2")


def test_polygons_hold_the_pixels_of_the_objects(tmp_path):
    ids, parents = family()
    field = draw_field(tmp_path, ids, parents, known=False)
    export_trackmate(field, tmp_path / "drawn.xml")
    for spot in ET.parse(tmp_path / "drawn.xml").getroot().iter("Spot"):
        points = np.array(spot.text.split(), float).reshape(-1, 2)
        assert len(points) == int(spot.get("ROI_N_POINTS"))
        points += [float(spot.get("POSITION_X")), float(spot.get("POSITION_Y"))]
        mask = ids[int(spot.get("FRAME"))] == int(spot.get("name"))
        assert np.array_equal(polygon2mask(mask.shape, points[:, ::-1]), mask)


def test_a_polygon_of_a_pixel_and_of_a_ring():
    assert len(outline_of(np.ones((1, 1), bool))) == 4
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    assert polygon2mask((5, 5), outline_of(ring)).all()


def test_images_are_a_hyperstack(tmp_path):
    ids, parents = family()
    export_trackmate(draw_field(tmp_path, ids, parents), tmp_path / "drawn.xml")
    with tifffile.TiffFile(tmp_path / "drawn.tif") as file:
        assert file.is_imagej
        about = file.imagej_metadata
        (series,) = file.series
        assert np.array_equal(series.asarray().squeeze(), np.where(ids > 0, 3000, 1000))
        assert (about["frames"], about["unit"], about["finterval"]) == (6, "micron", 600)
        assert file.pages[0].tags["XResolution"].value[0] / file.pages[0].tags["XResolution"].value[
            1
        ] == pytest.approx(1 / 0.65)


def test_images_that_are_too_large_and_existing_files(tmp_path, monkeypatch):
    field = draw_field(tmp_path, *family())
    monkeypatch.setattr(trackmate, "_LARGEST", 1000)
    with pytest.raises(FoveaError, match="ImageJ opens TIFF files of up to 4 GB; give --no-images"):
        export_trackmate(field, tmp_path / "drawn.xml")
    export_trackmate(field, tmp_path / "drawn.xml", images=False)
    assert not (tmp_path / "drawn.tif").exists()
    with pytest.raises(FoveaError, match="exists already"):
        export_trackmate(field, tmp_path / "drawn.xml", images=False)


def test_the_command(run, tmp_path, capsys):
    words = ["export", "trackmate", "--directory", str(run), "--output", str(tmp_path)]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'a_fov_000.xml'}: ")
    assert tifffile.imread(tmp_path / "a_fov_000.tif").shape == (5, 2, 160, 192)
    from_trackmate_xml_to_geff(tmp_path / "a_fov_000.xml", tmp_path / "tm.geff")


def test_a_field_without_cells(tmp_path):
    field = draw_field(tmp_path, np.zeros((2, 4, 5), np.uint16), {})
    assert len(read_tracks(field).frame) == 0
    export_trackmate(field, tmp_path / "drawn.xml")
    root = ET.parse(tmp_path / "drawn.xml").getroot()
    assert root.find("Model/AllSpots").get("nspots") == "0"
    assert not list(root.iter("Track"))
