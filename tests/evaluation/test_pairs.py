"""Images and labels of a folder, paired by their names or by a list; and files that are wrong."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from fovea.errors import FoveaError
from fovea.evaluation.annotated import read_position, stem
from fovea.evaluation.pairs import rows_of
from fovea.evaluation.suite_list import parameters, read_list

FRAME = np.arange(16 * 20, dtype=np.uint16).reshape(16, 20)
LABELS = np.zeros((16, 20), np.uint16)
LABELS[2:8, 2:8], LABELS[9:14, 9:14] = 1, 2


def png(path, pixels):
    import imagecodecs

    path.write_bytes(imagecodecs.png_encode(pixels))


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        png(path, pixels)
    elif path.suffix == ".npy":
        np.save(path, pixels)
    else:
        tifffile.imwrite(path, pixels, **{"photometric": "minisblack"} | options)
    return path


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(folder):
    """Rows as {name: [(image, labels)]}."""
    rows, alone = rows_of(folder)
    pairs = {row.name: [tuple(str(path.relative_to(folder)) for path in pair)
                        for pair in row.files] for row in rows}  # fmt: skip
    return pairs, [str(path.relative_to(folder)) for path in alone]


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("colony.ome.tiff", "colony_ids.ome.tiff"),
        ("t98g.tif", "t98g_reference_ids.ome.tiff"),
        ("c2c12_phase.tif", "c2c12_ids.tif"),
        ("ecoli_phase_fluo.tif", "ecoli_reference_ids.tif"),
        ("a_img.png", "a_masks.png"),
        ("img_01.png", "mask_01.png"),
        ("Field 3.TIF", "Field 3_cp_masks.png"),
        ("x-raw.npy", "x-labels.npy"),
        ("images/7.tif", "masks/7.tif"),
        ("one/images/7.tif", "one/labels/7.png"),
        ("x.tif", "x.seg.tif"),
    ],
)
def test_pairs_are_told_by_names(tmp_path, image, labels):
    touch(tmp_path, image, labels, "notes.txt")
    pairs, alone = found(tmp_path)
    assert pairs == {stem(tmp_path / image): [(image, labels)]}
    assert alone == []


def test_the_nearest_labels_are_taken(tmp_path):
    """Two recordings whose names begin alike; one without labels; hidden files."""
    touch(tmp_path, "t98g_phase.tif", "t98g_ids.tif", "t98g_long.tif", "t98g_long_ids.tif",
          "other.tif", ".t98g_gt.tif", ".cache/x.tif")  # fmt: skip
    pairs, alone = found(tmp_path)
    assert pairs == {"t98g_long": [("t98g_long.tif", "t98g_long_ids.tif")],
                     "t98g_phase": [("t98g_phase.tif", "t98g_ids.tif")]}  # fmt: skip
    assert alone == ["other.tif"]


def test_stills_of_one_folder_are_one_row_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 2, 3):
        names = [f"stills/set{number}.tif", f"stills/set{number}_ids.tif"]
        names += [f"{x}{number}{end}.png" for x in "ab" for end in ("", "_mask")]
        touch(tmp_path, *names)
    pairs, _ = found(tmp_path)
    assert set(pairs) == {"stills", "a…", "b…"}
    assert [image for image, _ in pairs["stills"]] == [f"stills/set{n}.tif" for n in (2, 3, 10)]
    assert pairs["a…"][0] == ("a2.png", "a2_mask.png")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "has no annotated recordings"),
        (["a.tif", "b.png"], "has no annotated recordings"),
        (["a_ids.tif"], "a_ids.tif: there is no image to these labels"),
        (["a.tif", "b.tif", "a_ids.tif", "c_ids.tif"], "c_ids.tif: there is no image"),
        (["x_day.tif", "x_night.tif", "x_ids.tif"], "may belong to any of x_day.tif, x_night.tif"),
        (["x.tif", "x.png", "x_ids.tif"], "may belong to any of x.png, x.tif"),
        (["x.tif", "x_ids.tif", "x_masks.png"], "x.tif has labels in 2 files"),
    ],
)
def test_names_that_do_not_tell(tmp_path, names, words):
    touch(tmp_path, *names)
    with pytest.raises(FoveaError) as error:
        rows_of(tmp_path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ending", [".ome.tif", ".tif", ".png", ".npy"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_stills_of_every_format(tmp_path, ending, kind):
    frame = FRAME.astype(kind)
    read = read_position(
        write(tmp_path / f"a{ending}", frame), write(tmp_path / "a_ids.npy", LABELS)
    )
    assert read.name == "a"
    assert read.frames.dtype == kind
    np.testing.assert_array_equal(read.frames, frame[None])
    np.testing.assert_array_equal(read.labels, LABELS[None])
    labels = write(tmp_path / f"b_ids{ending}", LABELS.astype(kind))
    np.testing.assert_array_equal(read_position(tmp_path / f"a{ending}", labels).labels[0], LABELS)


def test_stacks_and_channels(tmp_path):
    """T, Y, X; T, C, Y, X; C, Y, X; T, Z, C, Y, X of one plane; and axes that nothing names."""
    movie = np.stack([FRAME, FRAME[::-1], FRAME + 7])
    both = np.stack([movie, movie + 1], axis=1)
    known = np.stack([LABELS] * 3)
    ids = write(tmp_path / "ids.tif", known)
    still = write(tmp_path / "still_ids.tif", LABELS)

    def read(name, pixels, labels=ids, channel=None, **options):
        return read_position(write(tmp_path / name, pixels, **options), labels, channel).frames

    np.testing.assert_array_equal(read("a.tif", movie), movie)
    ome = {"ome": True, "metadata": {"axes": "TCYX"}}
    np.testing.assert_array_equal(read("b.ome.tif", both, **ome), movie)
    np.testing.assert_array_equal(read("c.ome.tif", both, channel=1, **ome), movie + 1)
    np.testing.assert_array_equal(read("d.npy", both, channel=1), movie + 1)
    axes = {"ome": True, "metadata": {"axes": "TZCYX"}}
    np.testing.assert_array_equal(read("e.ome.tif", both[:, None], **axes), movie)
    axes = {"ome": True, "metadata": {"axes": "CYX"}}
    np.testing.assert_array_equal(read("f.ome.tif", both[0], still, 1, **axes), movie[:1] + 1)
    grey = np.repeat(FRAME.astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_array_equal(read("g.png", grey, still)[0], FRAME.astype(np.uint8))
    np.testing.assert_array_equal(read("h.tif", movie[:1], write(tmp_path / "i.tif", known[:1])),
                                  movie[:1])  # fmt: skip


@pytest.mark.parametrize(
    ("frames", "labels", "channel", "words"),
    [
        (FRAME[1:], LABELS, None, "has the shape (15, 20) (YX), and its labels"),
        (np.stack([FRAME] * 3), LABELS, None, "has the shape (3, 16, 20)"),
        (np.stack([FRAME] * 3), np.stack([LABELS] * 2), None, "has the shape (3, 16, 20)"),
        (np.stack([FRAME] * 3), LABELS, 3, "has 3 channels, so there is no channel 3"),
        (FRAME.astype(np.float32), LABELS, None, "holds float32; frames are whole numbers"),
        (FRAME, LABELS.astype(np.float32), None, "labels are whole numbers with the axes"),
        (FRAME, LABELS - LABELS, None, "has no labels: all its pixels are 0"),
        (FRAME, LABELS.astype(np.int32) - 1, None, "has labels below 0"),
        (FRAME, (LABELS > 0).astype(np.uint8) * 255, None, "is a mask, in which all cells have"),
        (FRAME, LABELS + 1, None, None),  # no background is no fault
        (FRAME, (LABELS == 1).astype(np.uint8), None, None),  # one cell
    ],
)
def test_files_that_are_wrong(tmp_path, frames, labels, channel, words):
    paths = write(tmp_path / "a.tif", frames), write(tmp_path / "a_ids.tif", labels)
    if words is None:
        read_position(*paths, channel)
        return
    with pytest.raises(FoveaError) as error:
        read_position(*paths, channel)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_damaged_and_coloured_files(tmp_path):
    ids = write(tmp_path / "ids.png", LABELS)
    whole = write(tmp_path / "whole.tif", FRAME).read_bytes()
    for name in ("a.tif", "a.png", "a.npy"):
        for content in (b"", b"no picture", whole[: len(whole) // 2]):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(FoveaError, match=f"{name} cannot be read: ") as error:
                read_position(tmp_path / name, ids)
            assert "\n" not in str(error.value)
    rgb = np.zeros((16, 20, 3), np.uint8)
    rgb[..., 1] = FRAME
    with pytest.raises(FoveaError, match="is a picture in colours"):
        read_position(write(tmp_path / "rgb.png", rgb), ids)
    np.testing.assert_array_equal(
        read_position(tmp_path / "rgb.png", ids, 1).frames[0], rgb[..., 1]
    )
    with pytest.raises(FoveaError, match="labels are whole numbers"):
        read_position(write(tmp_path / "f.tif", FRAME), write(tmp_path / "l.png", rgb))


def listed(folder, rows):
    path = folder / "suite.yaml"
    path.write_text(rows if isinstance(rows, str) else yaml.safe_dump(rows), "utf-8")
    return read_list(path, folder)


def test_rows_of_a_list(tmp_path):
    touch(tmp_path, "a.tif", "known.tif", *(f"s/set{n}.tif" for n in (1, 2, 12)),
          *(f"s/set{n}_ids.tif" for n in (2, 12)), "01/t000.tif", "01/t001.tif", "01/t002.tif",
          "01_GT/SEG/man_seg000.tif", "01_GT/SEG/man_seg002.tif", "x/a.tif", "x/b.tif",
          "y/a.tif", "y/b.tif")  # fmt: skip
    rows = listed(tmp_path, [
        {"name": "one", "frames": "a.tif", "ids": "known.tif", "channel": 1, "mode": "dark",
         "cell_diameter": 20, "kind": "yeast", "tuned_on": "all", "tracks": True},
        {"name": "stills", "frames": "s/set*.tif", "ids": "s/*_ids.tif"},
        {"name": "some frames", "frames": "01/*.tif", "ids": "01_GT/SEG/*.tif"},
        {"name": "alike", "frames": ["x/a.tif", "x/b.tif"], "ids": str(tmp_path / "y" / "*")},
        {"name": "drawn", "simulated": "yeast", "segmentation": {"method": "logstd"}},
    ])  # fmt: skip
    pairs = [[tuple(p.relative_to(tmp_path).as_posix() for p in pair) for pair in row.files]
             for row in rows]  # fmt: skip
    assert pairs[0] == [("a.tif", "known.tif")]
    assert sorted(pairs[1]) == [
        ("s/set12.tif", "s/set12_ids.tif"),
        ("s/set2.tif", "s/set2_ids.tif"),
    ]
    assert pairs[2] == [(f"01/t00{n}.tif", f"01_GT/SEG/man_seg00{n}.tif") for n in (0, 2)]
    assert pairs[3] == [("x/a.tif", "y/a.tif"), ("x/b.tif", "y/b.tif")]
    assert rows[0].segmentation == {"mode": "dark", "cell_diameter": 20}
    assert (rows[0].channel, rows[0].kind, rows[0].tuned_on, rows[0].tracks) == (
        1, "yeast", "all", True
    )  # fmt: skip
    assert (rows[4].simulated, pairs[4], rows[4].segmentation) == (
        "yeast", [], {"method": "logstd"}
    )  # fmt: skip
    assert parameters({})["mode"] == "auto"
    assert parameters({})["cell_diameter"] is None


GOOD = {"name": "a", "frames": "a.tif", "ids": "a_ids.tif"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("- name: [", "is no YAML"),
        ("", "a suite is a list of rows"),
        ({"a": 1}, "a suite is a list of rows"),
        (["a.tif"], "row 1 is 'a.tif'; it must be keys and values"),
        ([GOOD, GOOD | {"nmae": 1}], "row 2: 'nmae' is no key of a row; allowed: name, frames"),
        ([GOOD | {"channel": "GFP"}], "row 1: channel is 'GFP'; it must be of type int"),
        ([GOOD | {"channel": True}], "row 1: channel is true; it must be of type int"),
        ([GOOD | {"tracks": 1}], "row 1: tracks is 1; it must be of type bool"),
        ([GOOD | {"channel": -1}], "channels count from 0"),
        ([{"frames": "a.tif"}], "row 1 has no name"),
        ([{"name": "a", "frames": "a.tif"}], "row 1 (a) needs both frames and ids, or simulated"),
        ([GOOD | {"ids": "b.tif"}], "row 1 (a): ids: there is no file"),
        ([GOOD | {"frames": "*.czi"}], "row 1 (a): frames: there is no file"),
        ([GOOD | {"frames": [3]}], "row 1 (a): frames has 3; it must be paths or globs"),
        ([GOOD | {"simulated": "yeast"}], "is simulated and has files"),
        ([{"name": "a", "simulated": "yest"}], "'yest' is no simulated recording; allowed: bact"),
        ([GOOD, GOOD], "two rows are called 'a'"),
        ([GOOD | {"mode": "drak"}], "row 1 (a): its segmentation is not accepted: the suite: "),
        ([GOOD | {"mode": "network", "cell_diameter": 5}], "its segmentation is not accepted"),
        ([GOOD | {"segmentation": {"method": "cellpoze"}}], "its segmentation is not accepted"),
        ([GOOD | {"frames": ["a.tif", "b_1.tif"], "ids": "*ids.tif"}], None),
        ([GOOD | {"frames": ["a.tif", "b_1.tif"], "ids": ["a_ids.tif", "c_2_ids.tif"]}],
         "which of 2 files of frames belongs to which of 2 files of ids"),
    ],
)  # fmt: skip
def test_lists_that_are_wrong(tmp_path, rows, words):
    touch(tmp_path, "a.tif", "a_ids.tif", "b_1.tif", "b_1_ids.tif", "c_2_ids.tif")
    if words is None:
        (tmp_path / "c_2_ids.tif").unlink()
        assert len(listed(tmp_path, rows)[0].files) == 2
        return
    with pytest.raises(FoveaError) as error:
        listed(tmp_path, rows)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_list_of_the_documentation_is_accepted(tmp_path):
    """Each of its rows, with files of the names that it asks for."""
    source = Path(__file__).resolve().parents[2] / "benchmarks" / "suite.yaml"
    names = ["ecoli_colony", "ecoli_phase_fluo", "c2c12_phase", "t98g_phase", "t98g_long"]
    ids = ["ecoli_colony_ids", "ecoli_reference_ids", "c2c12_ids", "t98g_reference_ids",
           "t98g_long_reference_ids"]  # fmt: skip
    sets = [
        f"t98g_annotated/set{n}{end}" for n in (2, 12, 22, 3, 5, 8, 10, 50) for end in ("", "_ids")
    ]
    touch(tmp_path, *(f"{name}.ome.tiff" for name in [*names, *ids, *sets]))
    rows = {row.name: row for row in read_list(source, tmp_path)}
    assert len(rows) >= 10
    assert len(rows["T98G, 5 stills"].files) == 3
    assert len(rows["T98G, 20 further stills"].files) == 5
    page = (source.parents[1] / "docs" / "accuracy.md").read_text("utf-8")
    wrong = read_list(source.with_name("diameters.yaml"), tmp_path)
    lacking = [name for name in (*rows, *(row.name for row in wrong)) if f"| {name} |" not in page]
    assert lacking == []
