"""Formats without a reader of their own, through bioio."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.errors import FoveaError
from fovea.recordings.readers.bioio_reader import BioioRecording
from support.czi_writer import write_czi
from support.recordings import assert_same_pixels, pixels

pytest.importorskip("bioio")
pytest.importorskip("bioio_czi")

XML = """<ImageDocument><Metadata><Information><Image><SizeT>3</SizeT><SizeC>2</SizeC>
<SizeS>2</SizeS><SizeZ>2</SizeZ>
<Dimensions><Channels><Channel Id="Channel:0" Name="BF"/><Channel Id="Channel:1" Name="GFP"/>
</Channels><S><Scenes><Scene Index="0" Name="A"/><Scene Index="1" Name="B"/></Scenes></S>
</Dimensions></Image></Information><Scaling><Items>
<Distance Id="X"><Value>6.5E-07</Value></Distance><Distance Id="Y"><Value>6.6E-07</Value></Distance>
</Items></Scaling></Metadata></ImageDocument>"""


@pytest.mark.filterwarnings("ignore")  # of bioio's own dependencies
def test_scenes_frames_planes_and_channels(tmp_path):
    data = pixels(2, 3, 2, 2)
    write_czi(tmp_path / "a.czi", data, xml=XML)  # a format that a plugin is installed for
    with BioioRecording("a.czi", tmp_path) as recording:
        info = recording.info
        assert_same_pixels(recording, data)
        assert [field.name for field in info.fields] == ["A", "B"]
        assert info.channels == ["BF", "GFP"]
        assert info.pixel_size_um == pytest.approx({"y": 0.66, "x": 0.65})
        assert info.format == "bioio"


@pytest.mark.filterwarnings("ignore")
def test_scenes_with_fewer_frames_and_channels(tmp_path):
    data = pixels(3, 3, 2, 2)
    missing = {0: lambda t, c: False, 1: lambda t, c: c == 1, 2: lambda t, c: t == 2}
    scenes = '<Scene Index="0" Name="A"/><Scene Index="1" Name="B"/><Scene Index="2" Name="C"/>'
    text = XML.replace("<SizeS>2", "<SizeS>3")
    text = f"{text[: text.index('<Scene ')]}{scenes}{text[text.index('</Scenes>') :]}"
    write_czi(tmp_path / "a.czi", data, xml=text, skip=lambda p, t, z, c: missing[p](t, c))
    with BioioRecording("a.czi", tmp_path) as recording:
        fields = recording.info.fields
        assert [field.frames for field in fields] == [3, 3, 2]
        assert [field.channel_frames for field in fields] == [None, ((0, 1, 2), ()), None]
        for t, (gfp, phase) in enumerate(recording.frames(1, [1, 0])):
            assert gfp is None
            np.testing.assert_array_equal(phase, data[1, t, 0, 0])


@pytest.mark.filterwarnings("ignore")
def test_pixels_that_cannot_be_used(tmp_path):
    czi = pytest.importorskip("pylibCZIrw.czi")
    for name, image, message in [
        ("float", np.zeros((8, 8, 1), np.float32), "its pixels are float32"),
        ("rgb", np.zeros((8, 8, 3), np.uint8), "RGB colour"),
    ]:
        with czi.create_czi(str(tmp_path / f"{name}.czi")) as document:
            document.write(image, plane={"C": 0})
        with pytest.raises(FoveaError, match=message):
            BioioRecording(f"{name}.czi", tmp_path)
