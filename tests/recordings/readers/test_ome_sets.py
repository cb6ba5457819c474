"""Sets of OME-TIFF files: each position has its own pixels, however they are named and ordered."""

from __future__ import annotations

import itertools
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fovea.errors import FoveaError
from fovea.recordings.readers import open_recording
from fovea.recordings.readers.tiff import folders, heads, ome_set
from support.ome_writer import (
    binary_only,
    image,
    micro_manager,
    ome,
    one_value,
    uid,
    values,
    write,
)
from support.recordings import assert_one_line

MM = ["x_MMStack_drug.ome.tif", "x_MMStack_ctrl.ome.tif", "x_MMStack_wash.ome.tif"]
MM_VALUES = {f"Pos{p}": [[100 * p], [100 * p + 1]] for p in range(3)}


def refused(source, base: Path, *words: str) -> str:
    """Check that an input is refused in one line with all words."""
    with pytest.raises(FoveaError) as error:
        open_recording(source, base=base)
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    return text


def series(name: str, count: int, files, numbers=None) -> str:
    """Return an image of which each frame is the first page of a file of its own."""
    numbers = [None] * count if numbers is None else numbers
    return image(name, (count, 1, 1), [(t, 0, 0, 0, files[t], numbers[t]) for t in range(count)])


@pytest.mark.parametrize("uuids", [False, True])
@pytest.mark.parametrize("master", [0, 1, 2])
def test_the_file_with_the_description_is_any_of_the_files(tmp_path, master, uuids):
    micro_manager(tmp_path, MM, master, uuids=uuids)
    for source in ("*.ome.tif", ".", *map(list, itertools.permutations(MM))):
        assert values(source, tmp_path) == MM_VALUES


@pytest.mark.parametrize("uuids", [False, True])
@pytest.mark.parametrize("file", MM)
def test_a_file_given_alone_stands_for_its_set(tmp_path, file, uuids):
    micro_manager(tmp_path, MM, 2, uuids=uuids)
    assert values(file, tmp_path) == MM_VALUES


def test_some_files_of_a_set_give_their_own_positions(tmp_path):
    micro_manager(tmp_path, MM, 2)
    for one, two in itertools.permutations(range(3), 2):
        found = values([MM[one], MM[two]], tmp_path)
        assert found == {f"Pos{p}": MM_VALUES[f"Pos{p}"] for p in sorted((one, two))}


def test_the_description_in_a_text_file_as_micro_manager_writes_it(tmp_path):
    images = [image(f"Pos{p}", (1, 1, 1), [(0, 0, 0, 0, MM[p], p)]) for p in range(3)]
    (tmp_path / "OMEXMLMetadata.ome").write_text(ome(*images))
    for p, file in enumerate(MM):
        write(tmp_path / file, [100 * p], binary_only("OMEXMLMetadata.ome", 9))
    for source in ("*.ome.tif", ".", "OMEXMLMetadata.ome", MM[1], ["OMEXMLMetadata.ome", *MM]):
        assert values(source, tmp_path) == {f"Pos{p}": [[100 * p]] for p in range(3)}


def test_a_position_that_continues_in_a_second_file(tmp_path):
    names = ["a_MMStack_1.ome.tif", "a_MMStack_1_1.ome.tif", "a_MMStack_2.ome.tif"]
    first = image("1", (3, 1, 1), [(0, 0, 0, 0, names[0], 1), (1, 0, 0, 1, names[0], 1),
                                   (2, 0, 0, 0, names[1], 2)])  # fmt: skip
    text = ome(first, image("2", (3, 1, 1), [(t, 0, 0, t, names[2], 3) for t in range(3)]))
    write(tmp_path / names[0], [10, 11], binary_only(names[2], 3))
    write(tmp_path / names[1], [12], binary_only(names[2], 3))
    write(tmp_path / names[2], [20, 21, 22], text)
    expected = {"1": [[10], [11], [12]], "2": [[20], [21], [22]]}
    for source in ("*.tif", *names):
        assert values(source, tmp_path) == expected
    (tmp_path / names[1]).unlink()
    assert values("*.tif", tmp_path) == expected | {"1": [[10], [11]]}


def test_uuids_without_file_names(tmp_path):
    images = [image(f"P{p}", (2, 1, 1), [(t, 0, 0, t, None, p) for t in range(2)]) for p in (1, 2)]
    for name, p in (("z.ome.tif", 1), ("a.ome.tif", 2)):
        write(tmp_path / name, [10 * p, 10 * p + 1], ome(*images, number=p))
    for source in ("*.tif", "a.ome.tif", "z.ome.tif"):
        assert values(source, tmp_path) == {"P1": [[10], [11]], "P2": [[20], [21]]}
    shutil.copy(tmp_path / "a.ome.tif", tmp_path / "b.ome.tif")
    refused("z.ome.tif", tmp_path, "a.ome.tif and b.ome.tif have the same UUID")
    (tmp_path / "a.ome.tif").unlink()
    (tmp_path / "b.ome.tif").unlink()
    with open_recording("z.ome.tif", base=tmp_path) as recording:
        assert uid(2) in " ".join(recording.info.notes)
        assert [info.name for info in recording.info.fields] == ["P1"]


def test_runs_of_planes_in_files_named_by_uuid(tmp_path):
    body = "".join(
        f'<Image Name="P{p}"><Pixels DimensionOrder="XYCZT" Type="uint16" SizeX="8" SizeY="8" '
        f'SizeT="3" SizeC="2" SizeZ="1"><TiffData FirstT="0" IFD="0" PlaneCount="6"><UUID>{uid(p)}'
        "</UUID></TiffData></Pixels></Image>"
        for p in (1, 2)
    )
    for p in (1, 2):
        write(tmp_path / f"s{p}.ome.tif", range(10 * p, 10 * p + 6), ome(body, number=p))
    expected = {f"P{p}": [[10 * p + 2 * t, 10 * p + 2 * t + 1] for t in range(3)] for p in (1, 2)}
    assert values("*.tif", tmp_path) == expected


def test_a_second_camera_beyond_the_number_of_channels(tmp_path):
    places = [(t, c, 0, 2 * t + c, "a.ome.tif", 1) for t in range(3) for c in range(2)]
    text = ome(image("A", (3, 1, 1), places, channels=["GFP"]), number=1)
    write(tmp_path / "a.ome.tif", [100, 200, 101, 201, 102, 202], text)
    assert values("a.ome.tif", tmp_path) == {"A": [[100, 200], [101, 201], [102, 202]]}
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        assert recording.info.channels == ["GFP", "Channel 1"]
        assert "A has 2 channels, not 1 as its description counts" in recording.info.notes[0]
    many = text.replace('FirstT="2" FirstC="1"', f'FirstT="2" FirstC="{1 << 40}"')
    write(tmp_path / "b.ome.tif", [1], many)
    refused("b.ome.tif", tmp_path, "b.ome.tif: its description cannot be read")


@pytest.mark.parametrize(
    ("names", "pointer"),
    [
        ("Image/{}", "../m.companion.ome"),
        (r"Image\{}", r"..\m.companion.ome"),
        ("{}", "m.companion.ome"),
        (r"D:\data\old\Image\{}", r"D:\data\old\m.companion.ome"),
        ("/home/somebody/Image/{}", "/home/somebody/m.companion.ome"),
        ("image/{}", "../M.Companion.ome"),
    ],
)
def test_a_companion_above_its_images(tmp_path, names, pointer):
    files = [f"W1T{t}.ome.tif" for t in range(3)]
    text = ome(series("F", 3, [names.format(f) for f in files], [1, 2, 3]), number=9)
    (tmp_path / "m.companion.ome").write_text(text)
    for t, file in enumerate(files):
        write(tmp_path / "Image" / file, [100 + t], binary_only(pointer, 9, t + 1))
    sources = ["m.companion.ome", "Image/W1T1.ome.tif", "Image/*.tif", "Image", "."]
    for source in sources:
        assert values(source, tmp_path) == {"F": [[100], [101], [102]]}
    (tmp_path / "m.companion.ome").rename(tmp_path / "other.companion.ome")
    refused("Image/W1T1.ome.tif", tmp_path, "its description is in", "which is not beside it")


def test_a_companion_whose_images_are_absent(tmp_path):
    files = [f"T{t}.ome.tif" for t in range(5)]
    (tmp_path / "m.companion.ome").write_text(ome(series("F", 5, files, range(5)), number=9))
    text = refused("m.companion.ome", tmp_path, "of the 5 image files", "none is there")
    assert "T0.ome.tif, T1.ome.tif, T2.ome.tif and 2 more" in text
    write(tmp_path / files[3], [7], binary_only("m.companion.ome", 9, 3))
    with open_recording("m.companion.ome", base=tmp_path) as recording:
        assert recording.info.fields[0].missing == (0, 1, 2)
        assert "names 4 files that are not there: T0.ome.tif, T1" in recording.info.notes[0]


def test_two_companions_in_one_folder(tmp_path):
    for n in (1, 2):
        text = ome(series(f"F{n}", 2, [f"{n}_T{t}.ome.tif" for t in range(2)]), number=n)
        (tmp_path / f"m{n}.companion.ome").write_text(text)
        for t in range(2):
            write(
                tmp_path / f"{n}_T{t}.ome.tif", [10 * n + t], binary_only(f"m{n}.companion.ome", n)
            )
    expected = {"F1": [[10], [11]], "F2": [[20], [21]]}
    for source in (".", "*.tif", "*.ome*"):
        assert values(source, tmp_path) == expected
    assert values("2_*.tif", tmp_path) == {"F2": [[20], [21]]}


def test_renamed_files_are_found_by_their_uuids(tmp_path):
    text = series("S", 3, [f"t{t}.ome.tif" for t in range(3)], [1, 2, 3])
    for t in range(3):
        write(tmp_path / f"new_t{t}.ome.tif", [100 + t], ome(text, number=t + 1))
    for source in ("*.tif", "new_t1.ome.tif", "."):
        assert values(source, tmp_path) == {"S": [[100], [101], [102]]}
    # names that exist, but of which each is now that of the file after it
    for t in (2, 1, 0):
        (tmp_path / f"new_t{t}.ome.tif").rename(tmp_path / f"t{t + 1}.ome.tif")
    for source in ("*.tif", "t1.ome.tif", "t2.ome.tif", "t3.ome.tif"):
        assert values(source, tmp_path) == {"S": [[100], [101], [102]]}


def test_renamed_files_without_uuids_are_refused(tmp_path):
    text = ome(series("S", 3, [f"t{t}.ome.tif" for t in range(3)]))
    for t in range(3):
        write(tmp_path / f"new_t{t}.ome.tif", [100 + t], text)
    for source in ("*.tif", "new_t1.ome.tif"):
        refused(source, tmp_path, "none is there: t0.ome.tif, t1.ome.tif, t2.ome.tif", "old names")
    for t in (0, 2):
        (tmp_path / f"new_t{t}.ome.tif").rename(tmp_path / f"t{t}.ome.tif")
    refused("*.tif", tmp_path, "new_t1.ome.tif: ", "does not name it; t1.ome.tif is not there")
    assert values("t0.ome.tif", tmp_path) == {"S": [[100], [102]]}


def test_a_renamed_file_of_micro_manager_is_refused_or_missing(tmp_path):
    micro_manager(tmp_path, MM, 0)
    (tmp_path / MM[1]).rename(tmp_path / "ctrl.ome.tif")
    refused("*.tif", tmp_path, "ctrl.ome.tif: ", f"in {MM[0]}, does not name it; {MM[1]} is not")
    assert values(MM[0], tmp_path) == {n: MM_VALUES[n] for n in ("Pos0", "Pos2")}


@pytest.mark.parametrize("uuids", [False, True])
def test_missing_files_are_named_with_their_positions(tmp_path, uuids):
    micro_manager(tmp_path, MM, 0, uuids=uuids)
    (tmp_path / MM[1]).unlink()
    for source in ("*.tif", MM[0], MM[2]):
        with open_recording(source, base=tmp_path) as recording:
            (note,) = recording.info.notes
            assert note == (
                f"{MM[0]} names a file that is not there: {MM[1]}; without any: Pos1, left out"
            )
        assert values(source, tmp_path) == {n: MM_VALUES[n] for n in ("Pos0", "Pos2")}


def test_the_file_with_the_description_is_missing(tmp_path):
    micro_manager(tmp_path, MM, 0)
    (tmp_path / MM[0]).unlink()
    refused("*.tif", tmp_path, MM[1], f"its description is in {MM[0]}, which is not beside it")


@pytest.mark.parametrize("same", [False, True], ids=["own UUIDs", "one UUID in all"])
def test_every_file_holds_the_whole_description(tmp_path, same):
    names = [f"p{p}.ome.tif" for p in range(12)]
    images = [image(f"P{p}", (1, 1, 1), [(0, 0, 0, 0, n, p)]) for p, n in enumerate(names)]
    for p, name in enumerate(names):
        write(tmp_path / name, [100 * p], ome(*images, number=0 if same else p))
    expected = {f"P{p}": [[100 * p]] for p in range(12)}
    for source in ("*.tif", names[::-1], names[7]):
        assert values(source, tmp_path) == expected


def test_each_description_names_the_files_before_it(tmp_path):
    names = [f"t{t}.ome.tif" for t in range(4)]
    for t in range(4):
        text = ome(series("S", t + 1, names, [0, 1, 2, 3]), number=t)
        write(tmp_path / names[t], [100 + t], text)
    for source in ("*.tif", names[::-1], [names[2], names[0], names[3], names[1]]):
        assert values(source, tmp_path) == {"S": [[100 + t] for t in range(4)]}


def test_two_sets_in_one_glob(tmp_path):
    for n, folder in enumerate(("run1", "run2")):
        names = [f"P{p}.ome.tif" for p in range(2)]
        images = [image(f"{folder} P{p}", (1, 1, 1), [(0, 0, 0, 0, names[p], p)]) for p in (0, 1)]
        for p in range(2):
            text = ome(*images, number=1) if p == 1 else binary_only(names[1], 1, 0)
            write(tmp_path / folder / names[p], [10 * n + p], text)
    assert values("run*/*.tif", tmp_path) == {
        "run1 P0": [[0]], "run1 P1": [[1]], "run2 P0": [[10]], "run2 P1": [[11]],
    }  # fmt: skip
    assert values(["run2/P0.ome.tif", "run1/P1.ome.tif"], tmp_path) == {
        "run2 P0": [[10]], "run1 P1": [[1]],
    }  # fmt: skip


def test_a_set_beside_files_of_their_own(tmp_path):
    micro_manager(tmp_path, MM, 1)
    write(tmp_path / "a.ome.tif", [7, 8], ome(image("alone", (2, 1, 1), [
        (t, 0, 0, t, None, None) for t in range(2)
    ])))  # fmt: skip
    assert values("*.tif", tmp_path) == {"alone": [[7], [8]]} | MM_VALUES


def test_copies_beside_the_files_of_a_set(tmp_path):
    text = series("S", 2, ["t0.ome.tif", "t1.ome.tif"], [1, 2])
    for t in range(2):
        write(tmp_path / f"t{t}.ome.tif", [100 + t], ome(text, number=t + 1))
    shutil.copy(tmp_path / "t1.ome.tif", tmp_path / "t1 copy.ome.tif")
    refused("*.tif", tmp_path, "t1 copy.ome.tif: is a copy of t1.ome.tif", "leave it out")
    assert values(["t0.ome.tif", "t1.ome.tif"], tmp_path) == {"S": [[100], [101]]}
    # a copy that describes itself only is that file, also beside the original
    alone = ome(image("A", (1, 1, 1), [(0, 0, 0, 0, "a.ome.tif", 5)]), number=5)
    write(tmp_path / "b" / "a copy.ome.tif", [1], alone)
    write(tmp_path / "b" / "a.ome.tif", [2], alone)
    assert values("b/a copy.ome.tif", tmp_path) == {"A": [[1]]}


def test_a_file_of_another_recording_under_the_name_of_one_of_the_set(tmp_path):
    text = series("S", 2, ["t0.ome.tif", "t1.ome.tif"], [1, 2])
    write(tmp_path / "t0.ome.tif", [100], ome(text, number=1))
    write(tmp_path / "t1.ome.tif", [999], ome(text, number=77))
    refused("t0.ome.tif", tmp_path, "t0.ome.tif: t1.ome.tif is not the file", "UUIDs differ")
    write(tmp_path / "t1.ome.tif", [999], binary_only("t0.ome.tif", 88))
    refused("t0.ome.tif", tmp_path, "t0.ome.tif: t1.ome.tif is not the file")
    write(tmp_path / "t1.ome.tif", [101], None)  # a TIFF without any description
    assert values("t0.ome.tif", tmp_path) == {"S": [[100], [101]]}


def test_descriptions_that_contradict_themselves(tmp_path):
    two = [image(f"P{p}", (1, 1, 1), [(0, 0, 0, 0, None, None)]) for p in range(2)]
    write(tmp_path / "a.ome.tif", [1], ome(*two))
    refused("a.ome.tif", tmp_path, "puts several planes on page 0 of a.ome.tif")
    write(tmp_path / "b.ome.tif", [1, 2], ome(image("P", (2, 1, 1), [
        (0, 0, 0, 0, None, None), (0, 0, 0, 1, None, None)
    ])))  # fmt: skip
    refused("b.ome.tif", tmp_path, "frame 0, channel 0, plane 0 twice")
    write(tmp_path / "c.ome.tif", [1, 2], ome(series("P", 2, ["c.ome.tif", "d.ome.tif"])))
    write(tmp_path / "d.ome.tif", [3], ome(series("Q", 3, ["d.ome.tif", "e.ome.tif", "f.tif"])))
    refused("[cd].ome.tif", tmp_path, "describes the images of d.ome.tif", "otherwise")


def test_a_damaged_file_leaves_the_other_positions(tmp_path):
    micro_manager(tmp_path, MM, 0)
    (tmp_path / MM[1]).write_bytes(b"II*\0" + bytes(20))
    with open_recording("*.tif", base=tmp_path) as recording:
        assert [info.frames for info in recording.info.fields] == [2, 0, 2]
        assert MM[1] in " ".join(recording.info.notes)
    assert values("*.tif", tmp_path) == MM_VALUES | {"Pos1": []}
    micro_manager(tmp_path, MM[:1], 0)
    (tmp_path / MM[0]).write_bytes(b"II*\0" + bytes(20))
    with pytest.raises(FoveaError) as error:
        open_recording(MM[0], base=tmp_path)
    assert_one_line(error.value, MM[0])


def test_only_one_description_of_a_large_set_is_parsed(tmp_path, monkeypatch):
    names = [f"p{p:03}.ome.tif" for p in range(60)]
    images = [image(f"P{p}", (1, 1, 1), [(0, 0, 0, 0, n, p)]) for p, n in enumerate(names)]
    for p, name in enumerate(names):
        write(tmp_path / name, [p], ome(*images, number=p))
    parsed, looked = [], []
    parse, read = ome_set.parse_ome, heads.read_head
    monkeypatch.setattr(ome_set, "parse_ome", lambda xml: parsed.append(1) or parse(xml))
    monkeypatch.setattr(folders, "read_head", lambda path: looked.append(path) or read(path))
    with open_recording("*.tif", base=tmp_path) as recording:
        assert len(recording.info.fields) == 60
    assert len(parsed) == 1
    assert len(looked) == len(set(looked)) == 60


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_set_gives_each_position_its_own_pixels(tmp_path_factory, data):
    """Files in any order, described anywhere, named by name, UUID or both."""
    folder = tmp_path_factory.mktemp("set")
    count, frames = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    names = data.draw(st.permutations([f"{'abcd'[i]}.ome.tif" for i in range(count)]))
    named, uuids = data.draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    full = data.draw(st.sets(st.integers(0, count - 1), min_size=1))
    images = [
        image(f"P{p}", (frames, 1, 1), [
            (t, 0, 0, t, names[p] if named else None, p if uuids else None) for t in range(frames)
        ])
        for p in range(count)
    ]  # fmt: skip
    for p in range(count):
        own = p if uuids else None
        master = min(full)
        text = ome(*images, number=own) if p in full else binary_only(
            names[master], master if uuids else None, own
        )  # fmt: skip
        write(folder / names[p], [100 * p + t for t in range(frames)], text)
    expected = {f"P{p}": [[100 * p + t] for t in range(frames)] for p in range(count)}
    assert values(data.draw(st.permutations(names)), folder) == expected
    assert values(data.draw(st.sampled_from(names)), folder) == expected
    if named:  # of a single page in another file, tifffile takes the bytes from this file
        with tifffile.TiffFile(folder / names[master]) as tif:
            found = tif.series[master].asarray().reshape(frames, -1)[:, 0]
        np.testing.assert_array_equal(found, [v for (v,) in expected[f"P{master}"]])


def test_positions_with_fewer_channels_frames_and_planes(tmp_path):
    first = [(t, c, 0, 2 * t + c, None, None) for t in range(3) for c in range(2)]
    second = [(t, 0, z, 6 + 2 * t + z, None, None) for t in range(2) for z in range(2)]
    text = ome(
        image("A", (3, 2, 1), first, channels=["Phase", "GFP"]),
        image("B", (2, 1, 2), second, channels=["GFP"]),
        image("C", (1, 2, 1), [(0, c, 0, 10 + c, None, None) for c in range(2)],
              channels=["GFP", "Phase"]),
    )  # fmt: skip
    write(tmp_path / "a.ome.tif", range(12), text)
    expected = {"A": [[0, 1], [2, 3], [4, 5]], "B": [[None, 6], [None, 8]], "C": [[11, 10]]}
    assert values("a.ome.tif", tmp_path) == expected
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        assert recording.info.channels == ["Phase", "GFP"]
        assert [info.planes for info in recording.info.fields] == [1, 2, 1]
    write(tmp_path / "b.ome.tif", range(12), text.replace("Phase", "").replace("GFP", ""))
    refused("b.ome.tif", tmp_path, "different numbers of channels (2 and 1), and no names")


def test_planes_that_the_description_does_not_list_were_not_recorded(tmp_path):
    there = [(t, c, z) for t in range(4) for c, z in ((0, 0), (0, 1), (1, 1)) if c == 0 or t % 2]
    places = [(*plane, n, None, None) for n, plane in enumerate(there)]
    times = [(t, c, z, 60.0 * t + c) for t in range(4) for c in range(2) for z in range(2)]
    write(
        tmp_path / "a.ome.tif", range(len(there)), ome(image("A", (4, 2, 2), places, times=times))
    )
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        (info,) = recording.info.fields
        assert info.channel_frames == ((0, 1, 2, 3), (1, 3))
        assert info.channel_planes == ((0, 1), (1,))
        np.testing.assert_equal(info.times, [[0, 60, 120, 180], [np.nan, 61, np.nan, 181]])
        for z, own in ((0, 0), (1, 1), ("max", 1)):
            got = [[None if p is None else one_value(p) for p in planes]
                   for planes in recording.frames(0, [0, 1], z)]  # fmt: skip
            assert got == [[own, None], [2 + own, 4], [5 + own, None], [7 + own, 9]]


def test_planes_that_micro_manager_skipped_name_the_page_of_another_one(tmp_path):
    """GFP in every third frame, in one of three z planes: the others name its nearest page."""
    real = [(t, c, z) for t in range(5) for c in range(2) for z in range(3)
            if c == 0 or (t % 3 == 0 and z == 1)]  # fmt: skip
    page = {plane: n for n, plane in enumerate(real)}
    places = []
    for t in range(5):  # the substitutes of a frame follow its planes
        own = [plane for plane in real if plane[0] == t]
        others = [(t, 1, z) for z in range(3) if (t, 1, z) not in page]
        places += [(*plane, page[plane], "a.ome.tif", 1) for plane in own]
        places += [(*plane, page[t - t % 3, 1, 1], "a.ome.tif", 1) for plane in others]
    assert len(places) == 5 * 2 * 3
    text = ome(image("A", (5, 2, 3), places, times=[(*plane, 60 * plane[0]) for plane in real]))
    write(tmp_path / "a.ome.tif", range(len(real)), text)
    with open_recording("a.ome.tif", base=tmp_path) as recording:
        (info,) = recording.info.fields
        assert info.channel_frames == ((0, 1, 2, 3, 4), (0, 3))
        assert info.channel_planes == ((0, 1, 2), (1,))
        got = [
            [None if plane is None else one_value(plane) for plane in planes]
            for planes in recording.frames(0, [0, 1], "max")
        ]
    expected = [[page[t, 0, 2], page[t, 1, 1] if t % 3 == 0 else None] for t in range(5)]
    assert got == expected
    # another channel's page is nobody's substitute
    write(tmp_path / "b.ome.tif", [1], ome(image("B", (1, 2, 1), [
        (0, c, 0, 0, None, None) for c in range(2)
    ])))  # fmt: skip
    refused("b.ome.tif", tmp_path, "puts several planes on page 0 of b.ome.tif")


def test_names_with_umlauts_and_links_to_files_elsewhere(tmp_path):
    names = [f"Grün {p}.ome.tif" for p in range(2)]
    micro_manager(tmp_path / "real", names, 1)
    for name in names:  # as macOS writes names
        decomposed = unicodedata.normalize("NFD", name)
        (tmp_path / "real" / name).rename(tmp_path / "real" / decomposed)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "one.ome.tif").symlink_to(
        tmp_path / "real" / unicodedata.normalize("NFD", names[0])
    )
    (tmp_path / "links" / "two.ome.tif").symlink_to(
        tmp_path / "real" / unicodedata.normalize("NFD", names[1])
    )
    for source in ("real", "real/*0.ome.tif", "links/one.ome.tif", "links"):
        assert values(source, tmp_path) == {n: MM_VALUES[n] for n in ("Pos0", "Pos1")}


def test_links_with_the_names_of_a_set_to_a_store_by_content(tmp_path):
    micro_manager(tmp_path / "set", MM, 1)
    (tmp_path / "store").mkdir()
    for p, name in enumerate(MM):
        (tmp_path / "set" / name).rename(tmp_path / "store" / f"{p}.bin")
        (tmp_path / "set" / name).symlink_to(tmp_path / "store" / f"{p}.bin")
    for source in ("set", f"set/{MM[0]}"):
        assert values(source, tmp_path) == MM_VALUES


def test_the_file_with_the_description_is_cut_off(tmp_path):
    micro_manager(tmp_path, MM, 0)
    whole = (tmp_path / MM[0]).read_bytes()
    with tifffile.TiffFile(tmp_path / MM[0]) as tif:
        first = tif.pages[0].tags[270].valueoffset
    (tmp_path / MM[0]).write_bytes(whole[: first + 20])
    for source in ("*.tif", MM[0], MM[1]):
        refused(source, tmp_path, MM[0], "cut off")
    (tmp_path / MM[0]).write_bytes(b"")
    refused("*.tif", tmp_path, f"{MM[0]}: is no readable TIFF file, or is cut off")


def test_a_tiff_without_description_beside_a_set(tmp_path):
    micro_manager(tmp_path, MM, 0)
    write(tmp_path / "MAX_projection.tif", [5], None)
    refused("*.tif", tmp_path, "MAX_projection.tif: holds no OME-XML", "leave it out")
    assert values("*.ome.tif", tmp_path) == MM_VALUES
