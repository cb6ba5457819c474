"""What the config's `input` means: paths, globs, directories, lists, patterns."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fovea.config.folders import find
from fovea.config.inputs import resolve_input
from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from support.recordings import assert_same_pixels, pixels


def touch(base: Path, *names: str) -> None:
    for name in names:
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_what_is_found(tmp_path):
    touch(tmp_path, "a.nd2", "b[1].nd2", "d/p10.tif", "d/p9.tif", "d/p1.tif", "d/notes.txt",
          "d/.hidden.tif", "z/x.zarr/zarr.json", "z/y.zarr/.zgroup", "z/notes.md",
          "c/e.companion.ome", "c/e_0.ome.tif")  # fmt: skip
    for source, expected in [
        ("a.nd2", ["a.nd2"]),
        ("b[1].nd2", ["b[1].nd2"]),
        ("d/p*.tif", ["d/p1.tif", "d/p9.tif", "d/p10.tif"]),
        ("d", ["d/p1.tif", "d/p9.tif", "d/p10.tif"]),
        (["d/p9.tif", "d/p1*.tif"], ["d/p9.tif", "d/p1.tif", "d/p10.tif"]),
        ("z/x.zarr", ["z/x.zarr"]),
        ("z/*.zarr", ["z/x.zarr", "z/y.zarr"]),
        ("z", ["z/x.zarr", "z/y.zarr"]),
        ("c", ["c/e.companion.ome"]),
        ("**/p9.tif", ["d/p9.tif"]),
        ({"files": "d/p*.tif", "axes": "TYX"}, ["d/p1.tif", "d/p9.tif", "d/p10.tif"]),
        ({"pattern": "d/p{fov}.tif"}, ["d"]),
        (str(tmp_path / "a.nd2"), [str(tmp_path / "a.nd2")]),
        (Path("a.nd2"), ["a.nd2"]),
    ]:
        assert resolve_input(source, tmp_path) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no.nd2", "input: no.nd2 does not exist in"),
        ("no*.nd2", r"input: no file matches 'no\*.nd2' in"),
        ("s3://bucket/a.zarr", "s3://bucket/a.zarr is an address, and Fovea reads files on disk"),
        ("gs://bucket/*.tif", "is an address, and Fovea reads files on disk; download it"),
        (["HTTPS://x.org/a.nd2"], "is an address, and Fovea reads files on disk"),
        ({"files": "file:///a.tif"}, "file:///a.tif is an address; write the path of the file"),
        ("C:\\data\\a.nd2", "it is a path of Windows"),
        ("~/a.nd2", "~ is not replaced by your home folder"),
        ([], "the list of files is empty"),
        ("", "'' is no path"),
        (3, "3 is no path"),
        ([["a.nd2"]], "is no path"),
        (["a.nd2", "b.tif", "./a.nd2"], "a.nd2 is listed twice"),
        ("empty", "the directory empty holds no recording"),
        ("mixed", "several kinds of files (.nd2, .tif)"),
        ({"files": "a.nd2", "axis": "TYX"}, "unknown key 'axis'"),
        ({"axes": "TYX"}, "either `pattern` or `files`"),
        ({"files": "a.nd2", "pattern": "{fov}"}, "either `pattern` or `files`"),
        ({"files": "a.nd2", "layout": "nis", "folder": "."}, "either `pattern` or `files`"),
        ({"layout": "nis"}, "or `layout` and `folder`"),
        ({"layout": "niss", "folder": "."}, "no layout 'niss'; allowed: metaxpress, metamorph"),
        ({"layout": "nis", "folder": "nothing"}, "there is no folder nothing"),
        ({"layout": "nis", "folder": "mixed"}, "no file in mixed is named as layout nis expects"),
        (
            {"pattern": "x_{time}.tif"},
            "{time}, which is no placeholder; allowed: {fov}, {channel}, {frame}, {z}, {well}",
        ),
        ({"pattern": "x_{frame:name}.tif"}, "{frame:name}, which is no form of {frame}; allowed:"),
        ({"pattern": "x_{fov}<_{frame}.tif"}, "has a < without its >"),
        ({"pattern": "{channel}.tif"}, "stands for a number; for names write '{channel:name}.tif'"),
        ({"pattern": "x.tif"}, "has no placeholder"),
        ({"pattern": "x_{fov}.tif"}, "no file matches the pattern 'x_{fov}.tif'"),
        ({"pattern": "no/x_{fov}.tif"}, "no file matches the pattern"),
    ],
)
def test_what_is_not(tmp_path, source, message):
    touch(tmp_path, "a.nd2", "b.tif", "mixed/a.nd2", "mixed/b.tif")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FoveaError) as error:
        resolve_input(source, tmp_path)
    assert message.replace("\\", "") in str(error.value)
    assert "\n" not in str(error.value)


def test_resolving_imports_only_the_standard_library():
    code = (
        "import sys; from fovea.config.inputs import resolve_input;"
        f"assert resolve_input({__file__!r});"
        "assert not {'numpy', 'nd2', 'tifffile', 'zarr', 'yaml'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "scripts")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_placeholders(tmp_path):
    touch(tmp_path, "Pos0/img_000_GFP.tif", "Pos0/img_001_GFP.tif", "Pos12/img_000_Cy 5.tif",
          "Pos12/img_000_GFP.txt", "Pos/img_000_GFP.tif")  # fmt: skip
    found = find("Pos{fov}/img_{frame}_{channel:name}.tif", tmp_path).matches
    assert [(m.path, m.fov, m.frame, m.channel, m.z) for m in found] == [
        ("Pos0/img_000_GFP.tif", "0", 0, "GFP", None),
        ("Pos0/img_001_GFP.tif", "0", 1, "GFP", None),
        ("Pos12/img_000_Cy 5.tif", "12", 0, "Cy 5", None),
    ]
    touch(tmp_path, "w/A01_s1_x7.tif", "w/A02_s2_y.tif", "w/B01_s2.tif")
    found = find("w/{well}_s{frame}*.tif", tmp_path).matches
    assert [(m.fov, m.frame) for m in found] == [("A01", 1), ("A02", 2), ("B01", 2)]
    touch(tmp_path, "r/1/1_2.tif", "r/1/2_2.tif", "r/2/2_5.tif")
    found = find("r/{fov}/{fov}_{frame}.tif", tmp_path).matches
    assert [m.path for m in found] == ["r/1/1_2.tif", "r/2/2_5.tif"]
    assert find(str(tmp_path / "r/{fov}/{fov}_{frame}.tif")).matches[0].path.startswith("/")


def write_planes(base: Path, data: np.ndarray, template: str, **options) -> None:
    """Write one file for each plane; the template gets p, t, z, c."""
    for p, t, z, c in np.ndindex(data.shape[:4]):
        path = base / template.format(p=p, t=t, z=z, c=c, name=["BF", "GFP/x"][c % 2][:3])
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, data[p, t, z, c], metadata=None, **options)


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("img_{p:03d}_{name}_{t:05d}.tif", "img_{fov}_{channel:name}_{frame}.tif"),
        ("s{p}/t{t}/w{c}.tif", "s{fov}/t{frame}/w{channel}.tif"),
        ("a_w{c}{name}_s{p}_t{t}.TIF", "a_w{channel:name}_s{fov}_t{frame}.tif"),
    ],
)
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_single_plane_files(tmp_path, template, pattern, compression):
    data = pixels(12, 11, 1, 2, 6, 5)
    write_planes(tmp_path, data, template, compression=compression)
    with open_recording({"pattern": pattern}, base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        info = recording.info
        assert info.files == [pattern]
        assert info.notes == []
        assert [f.name for f in info.fields][-1].lstrip("0") == "11"
        named = "{name}" in template
        assert (info.channels[0] == "Channel 0") == (not named)


def test_single_planes_with_z_and_a_step(tmp_path):
    data = pixels(1, 4, 3, 2, 6, 5)
    for t, z, c in np.ndindex(4, 3, 2):
        tifffile.imwrite(tmp_path / f"c{c + 1}_z{z + 5}_t{t * 15 + 30}.tif", data[0, t, z, c])
    with open_recording({"pattern": "c{channel}_z{z}_t{frame}.tif"}, base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert recording.info.fields[0].planned_frames == 4


def test_files_of_frames_or_z_planes(tmp_path):
    data = pixels(2, 4, 3, 2, 6, 5)
    for p, c in np.ndindex(2, 2):
        tifffile.imwrite(tmp_path / f"s{p}_{c}.tif", data[p, :, 0, c], imagej=True,
                         metadata={"axes": "TYX"})  # fmt: skip
        for t in range(4):
            tifffile.imwrite(
                tmp_path / f"z{p}_{c}_{t}.tif", data[p, t, :, c], photometric="minisblack"
            )
    with open_recording({"pattern": "s{fov}_{channel}.tif"}, base=tmp_path) as recording:
        assert_same_pixels(recording, data[:, :, :1])
        assert "taken as frames" in " ".join(recording.info.notes)
    with open_recording({"pattern": "z{fov}_{channel}_{frame}.tif"}, base=tmp_path) as recording:
        assert_same_pixels(recording, data)
        assert "taken as z planes" in " ".join(recording.info.notes)


def test_missing_and_damaged_files(tmp_path):
    data = pixels(2, 5, 1, 2, 6, 5)
    write_planes(tmp_path, data, "i_{p}_{c}_{t}.tif")
    (tmp_path / "i_0_1_2.tif").unlink()
    (tmp_path / "i_1_0_4.tif").write_bytes((tmp_path / "i_1_0_4.tif").read_bytes()[:-30])
    (tmp_path / "i_1_0_3.tif").write_bytes(b"")
    with open_recording({"pattern": "i_{fov}_{channel}_{frame}.tif"}, base=tmp_path) as recording:
        first, second = recording.info.fields
        assert (first.frames, first.missing, first.planned_frames) == (5, (), 5)
        assert first.channel_frames == ((0, 1, 2, 3, 4), (0, 1, 3, 4))
        assert (second.frames, second.missing, second.planned_frames) == (3, (), 5)
        np.testing.assert_array_equal(list(recording.frames(0, [0])), data[0, :, 0, :1])
        assert [planes[0] is None for planes in recording.frames(0, [1])] == [0, 0, 1, 0, 0]
        np.testing.assert_array_equal(list(recording.frames(1, [1])), data[1, :3, 0, 1:])
        assert len(recording.info.notes) == 2


def test_planes_that_do_not_fit(tmp_path):
    data = pixels(1, 3, 1, 1, 6, 5)
    write_planes(tmp_path, data, "i_{t}.tif")
    tifffile.imwrite(tmp_path / "i_1.tif", data[0, 1, 0, 0, :, :4], metadata=None)
    with pytest.raises(FoveaError, match=r"i_1\.tif: is 6 x 4 pixels of uint16, not 6 x 5 of"):
        open_recording({"pattern": "i_{frame}.tif"}, base=tmp_path)
    tifffile.imwrite(tmp_path / "i_01.tif", data[0, 1, 0, 0])
    with pytest.raises(FoveaError, match=r"takes i_01\.tif and i_1\.tif for the same image"):
        open_recording({"pattern": "i_{frame}.tif"}, base=tmp_path)


def test_times_by_micro_manager(tmp_path):
    data = pixels(1, 3, 1, 2, 6, 5)
    for t, c in np.ndindex(3, 2):
        tifffile.imwrite(
            tmp_path / f"i_{t}_{c}.tif", data[0, t, 0, c], metadata=None,
            extratags=[(51123, 2, None, f'{{"ElapsedTime-ms": {t * 1500 + c * 40 + 7}}}', True)],
        )  # fmt: skip
    with open_recording({"pattern": "i_{frame}_{channel}.tif"}, base=tmp_path) as recording:
        (field,) = recording.info.fields
        assert field.times_source == "stamps"
        np.testing.assert_allclose(field.times, [[0, 1.5, 3], [0.04, 1.54, 3.04]])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tif.gz", b"\x1f\x8b\x08\0", "is compressed or an archive; unpack it"),
        ("a.zip", b"PK\x03\x04", "is compressed or an archive; unpack it"),
        ("a.tar", b"a.tif\0\0\0", "is compressed or an archive; unpack it"),
        ("recording", b"abc", "has no suffix that would tell (it starts with b'abc')"),
        ("a.lsm", b"abc", "is no TIFF file although it is called .lsm"),
        ("a.STK", b"abc", "is no TIFF file although it is called .stk"),
        ("a.lif", b"abc", "is no LIF file although it is called .lif"),
        ("a.png", b"abc", "is no PNG file although it is called .png"),
        ("a.txt", b"abc", "files of type .txt are no recordings that Fovea knows"),
        ("a.csv", b"abc", "is a table; name the recording itself, or give a file of traces to"),
        ("a.xlsx", b"PK\x03\x04", "is a table; name the recording itself"),
        ("a.lif", b"\x70\0\0\0abc", "no plug-in of bioio for .lif files is installed"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "is installed; install bioio-imageio, or export"),
        ("a.vsi", b"abc", "is installed; install bioio-bioformats, or export"),
    ],
)  # fmt: skip
def test_files_of_no_known_format(tmp_path, monkeypatch, name, content, message):
    pytest.importorskip("bioio")
    monkeypatch.setattr("bioio.plugins.get_plugins", lambda use_cache: {})
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FoveaError) as error:
        open_recording(name, base=tmp_path)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{name}: ")
    assert "\n" not in str(error.value)


def test_a_damaged_file_is_not_taken_for_a_lack_of_its_plugin(tmp_path, monkeypatch):
    pytest.importorskip("bioio")
    monkeypatch.setattr("bioio.plugins.get_plugins", lambda use_cache: {".lif": ["bioio-lif"]})
    (tmp_path / "a.lif").write_bytes(b"\x70\0\0\0abc")
    with pytest.raises(FoveaError, match="is damaged, or no .lif file: the plug-in for these is"):
        open_recording("a.lif", base=tmp_path)
