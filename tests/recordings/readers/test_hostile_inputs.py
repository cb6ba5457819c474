"""Inputs that cannot be read: one line that names the file and says what to do."""

from __future__ import annotations

import builtins
import io
import logging

import numpy as np
import pytest

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.recordings.inspect_input import inspect_input
from fovea.recordings.readers import open_recording
from support.czi_writer import write_czi
from support.nd2_writer import write_nd2
from support.recordings import assert_one_line, pixels, write_ome_tiff, write_ome_zarr

WRITERS = {"nd2": write_nd2, "czi": write_czi, "ome.tif": write_ome_tiff}


def failure(source, base) -> str:
    with pytest.raises(FoveaError) as error:
        inspect_input(source, base / "metadata.yaml", base=base, log=logging.getLogger("quiet"))
    text = str(error.value)
    assert "\n" not in text
    assert not (base / "metadata.yaml").exists()
    return text


@pytest.mark.parametrize("suffix", ["nd2", "czi", "tif", "ome.tiff", "lif", "xyz"])
def test_empty_files(tmp_path, suffix):
    (tmp_path / f"a.{suffix}").write_bytes(b"")
    assert failure(f"a.{suffix}", tmp_path) == (
        f"a.{suffix}: is empty; copy it again from the microscope"
    )


@pytest.mark.parametrize("suffix", ["nd2", "czi", "tif"])
@pytest.mark.parametrize("content", [b"hello, this is text", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_wrong_content(tmp_path, suffix, content):
    (tmp_path / f"a.{suffix}").write_bytes(content)
    text = failure(f"a.{suffix}", tmp_path)
    assert text.startswith(
        f"a.{suffix}: is no {'TIFF' if suffix == 'tif' else suffix.upper()} file"
    )
    assert text.endswith("export or copy it again")


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("other", ["nd2", "tif", "czi", "dat"])
def test_wrong_extension_is_no_obstacle(tmp_path, suffix, other):
    WRITERS[suffix](tmp_path / f"a.{other}", pixels())
    with open_recording(f"a.{other}", base=tmp_path) as recording:
        assert recording.info.format == {"nd2": "ND2", "czi": "CZI"}.get(suffix, "OME-TIFF")
        assert len(recording.info.fields) == 2


def test_headers_without_anything(tmp_path):
    for name, head in [
        ("a.nd2", b"\xda\xce\xbe\x0a"), ("a.czi", b"ZISRAWFILE"), ("a.tif", b"II*\0"),
        ("b.tif", b"II+\0\x08\0\0\0"), ("c.tif", b"MM\0*\0\0\0\x08"),
        ("d.tif", b"II*\0\xff\xff\xff\x7f"), ("b.nd2", b"\xda\xce\xbe\x0a" + bytes(9000)),
        ("b.czi", b"ZISRAWFILE" + bytes(9000)), ("e.companion.ome", b"<OME></OME>"),
        ("f.companion.ome", b"<OME><Image>"),
    ]:  # fmt: skip
        (tmp_path / name).write_bytes(head)
        assert failure(name, tmp_path).startswith(f"{name}: ")


def test_directories(tmp_path):
    (tmp_path / "none").mkdir()
    assert "the directory none holds no recording" in failure("none", tmp_path)
    (tmp_path / "a.nd2").mkdir()
    assert "the directory a.nd2 holds no recording" in failure("a.nd2", tmp_path)


@pytest.mark.parametrize("suffix", WRITERS)
def test_no_permission(tmp_path, suffix, monkeypatch):
    # tests may run as root, who may read everything
    WRITERS[suffix](tmp_path / f"a.{suffix}", pixels())
    original = builtins.open

    def refuse(path, *arguments, **options):
        if str(path).endswith(f"a.{suffix}"):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *arguments, **options)

    monkeypatch.setattr(builtins, "open", refuse)
    expected = f"a.{suffix}: no permission to read it; ask its owner, or `chmod +r` it"
    assert failure(f"a.{suffix}", tmp_path) == expected
    monkeypatch.undo()

    class Refusing(io.FileIO):
        def __init__(self, path, *arguments):
            refuse(path)
            super().__init__(path, *arguments)

    monkeypatch.setattr(io, "FileIO", Refusing)
    assert failure(f"a.{suffix}", tmp_path) == expected


def test_no_such_file(tmp_path):
    assert failure("no.nd2", tmp_path).startswith("input: no.nd2 does not exist in ")


def test_other_formats_go_through_bioio(tmp_path):
    pytest.importorskip("bioio")
    (tmp_path / "a.dv").write_bytes(b"whatever this may be")
    text = failure("a.dv", tmp_path)
    assert text.startswith("a.dv: ")
    assert "bioio-dv" in text
    (tmp_path / "a.xyz").write_bytes(b"whatever this may be")
    text = failure("a.xyz", tmp_path)
    assert text.startswith("a.xyz: files of type .xyz are no recordings that Fovea knows")
    assert "bioio-" not in text  # there is no such package
    (tmp_path / "a.lif").write_bytes(b"whatever this may be")
    assert failure("a.lif", tmp_path).startswith("a.lif: ")


def test_formats_are_not_mixed(tmp_path):
    write_nd2(tmp_path / "a.nd2", pixels())
    write_czi(tmp_path / "b.czi", pixels())
    text = failure(["a.nd2", "b.czi"], tmp_path)
    assert "a.nd2 is ND2 but b.czi is CZI" in text
    text = failure({"files": "a.nd2", "axes": "TYX"}, tmp_path)
    assert text.startswith("a.nd2: `axes` is for plain TIFF stacks, but this is ND2")


@pytest.mark.parametrize("suffix", WRITERS)
def test_positions_that_differ(tmp_path, suffix):
    WRITERS[suffix](tmp_path / f"a.{suffix}", pixels())
    WRITERS[suffix](tmp_path / f"b.{suffix}", pixels(channels=3))
    WRITERS[suffix](tmp_path / f"c.{suffix}", pixels(dtype="uint8"))
    assert failure([f"a.{suffix}", f"b.{suffix}"], tmp_path).startswith(f"b.{suffix}: its channels")
    text = failure([f"a.{suffix}", f"c.{suffix}"], tmp_path)
    assert text.startswith(f"c.{suffix}: its pixel type (uint8) differ")


def test_all_unreadable_files_of_a_list_are_named_at_once(tmp_path):
    for number in range(9):
        (tmp_path / f"p{number}.czi").write_bytes(b"")
    assert failure("p*.czi", tmp_path) == (
        "p0.czi: is empty; copy it again from the microscope; none of the 9 files can be used; "
        "the others are: p1.czi, p2.czi, p3.czi, p4.czi, p5.czi, ..."
    )
    for number in range(9):
        write_czi(tmp_path / f"p{number}.czi", pixels(1, 2, 1, 1))
        whole = (tmp_path / f"p{number}.czi").read_bytes()
        (tmp_path / f"p{number}.czi").write_bytes(whole[:600])
    text = failure("p*.czi", tmp_path)
    assert text.startswith("p0.czi: not one complete frame is in it")
    assert "none of the 9 files can be used" in text


def test_an_array_without_pixels(tmp_path):
    data = pixels(1, 2, 1, 1)[:, :, :, :, :0]
    write_ome_zarr(tmp_path / "a.zarr", data[0], chunks=(1, 1, 1, 1, 10))
    assert failure("a.zarr", tmp_path).startswith("a.zarr: its planes are 0 x 10 pixels")
    write_nd2(tmp_path / "a.nd2", pixels(1, 2, 1, 1)[..., :0], loops="T")
    assert failure("a.nd2", tmp_path).startswith("a.nd2: its planes are 12 x 0 pixels")


@pytest.mark.parametrize("suffix", WRITERS)
def test_one_pixel(tmp_path, suffix):
    data = pixels(height=1, width=1)
    WRITERS[suffix](tmp_path / f"a.{suffix}", data)
    with open_recording(f"a.{suffix}", base=tmp_path) as recording:
        frames = [[int(image[0, 0]) for image in images] for images in recording.frames(1, [0, 1])]
    assert frames == data[1, :, 0, :, 0, 0].tolist()


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("place", ["the beginning", "anywhere"])
def test_damaged_bytes(tmp_path, suffix, place):
    """Whatever stands in a file, it is read, or refused in one line that names it."""
    whole = WRITERS[suffix](tmp_path / f"whole.{suffix}", pixels()).read_bytes()
    rng = np.random.default_rng(list(f"{suffix} {place}".encode()))
    name, refused = f"a.{suffix}", 0
    for _ in range(40):
        content = np.frombuffer(whole, np.uint8).copy()
        end = len(content) if place == "anywhere" else min(len(content), 12_288)
        where = rng.integers(0, end, rng.integers(1, 30))
        content[where] = rng.choice([0, 1, 127, 255], len(where))
        (tmp_path / name).write_bytes(content.tobytes())
        try:
            with open_recording(name, base=tmp_path) as recording:
                for field in recording.info.fields:
                    if field.frames:
                        assert len(list(recording.frames(field.index, [0]))) == field.frames
                assert recording.info.notes is not None
        except FoveaError as error:
            assert_one_line(error, name)
            refused += 1
    assert refused


def test_describe_names_what_failed_and_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_nd2("a.nd2", pixels())
    (tmp_path / "b.nd2").write_bytes(b"")
    assert main(["describe", "b.nd2", "a.nd2"]) == 1
    output = capsys.readouterr()
    assert output.err == "b.nd2: is empty; copy it again from the microscope\n"
    assert "a.nd2: ND2, uint16" in output.out
