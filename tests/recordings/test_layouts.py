"""Folders of single images as instruments and people name them: what is read, what is left out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from fovea.config.folders import find
from fovea.config.layouts import LAYOUTS
from fovea.config.plan import Plan
from fovea.config.validation import validated
from fovea.errors import FoveaError
from fovea.recordings.describe import describe
from fovea.recordings.inspect_input import inspect_input, load_metadata
from fovea.recordings.layouts import recognise
from fovea.recordings.readers import open_recording

GUID = "1401562C-9A0E-4B1D-8F00-{:012X}"
LIGHT = ("Phase", "Green")
BESIDE = ("Thumbs.db", "notes.txt", "overview.png", "._{}", "{}_thumb.tif", "{}_cp_masks.tif",
          "{}_cp_outlines.tif", "{}_seg.npy", "{}.roi")  # fmt: skip

#: Names by field p, frame t, channel c (each from 1 or 2 on), and a number n of the file.
NAMES = {
    "metaxpress": "2024-05-01/77/TimePoint_{t}/my exp_C0{p}_s3_w{c}{guid}.tif",
    "metaxpress ": "TimePoint_{t}/exp_C03_s{p}_w{c}.TIF",
    "metaxpress, z": "TimePoint_{t}/ZStep_1/exp_C03_s{p}_w{c}.TIF",
    "metaxpress, no well": "TimePoint_{t}/slide_s{p}_w{c}.tif",
    "metamorph": "exp_w{c}{light}_s{p}_t{t}.TIF",
    "metamorph, no names": "exp_w{c}_s{p}_t{t}.TIF",
    "phenix": "Images/r02c12f{p:02d}p01-ch{c}sk{t}fk1fl1.tiff",
    "phenix, one plane": "r02c12f{p:02d}-ch{c}sk{t}fk1fl1.tiff",
    "columbus": "002012-{p}-{t:03d}001{c:03d}.tif",
    "incell": "B - 12(fld {p:02d} wv {light} - FITC time {t:02d} - {ms}ms).tif",
    "incell, z": "B - 12(fld {p:02d} wv {light} - {light} z 1 time {t} - {ms}ms).tif",
    "incell, 6000": "B_12_f{p:02d}_c{c}_x{light}_m{light}_z01_t{t}.tif",
    "micromanager": "exp 1/1-Pos_000_00{p}/img_{t:09d}_{light}_000.tif",
    "micromanager, 2": "exp 1/Pos{p}/img_channel{c:03d}_position{p:03d}_time{t:09d}_z000.tif",
    "scanr": "data/exp--W00007--P0000{p}--Z00000--T0000{t}--{light}.tif",
    "incucyte": "VID15_{light}_B12_{p}_{t:02d}d06h30m.tif",
    "incucyte, date": "{light}/VID15_B12_{p}_2024y02m2{t}d_23h59m.tif",
    "incucyte, folders": "B12-{p}-{light}/B12-{p}_2024y02m2{t}d_23h59m.tif",
    "cellvoyager": "plate #1_B12_T{t:04d}F{p:03d}L01A0{c}Z01C{c:02d}.tif",
    "cellvoyager, CQ1": "W0013F{p:04d}T{t:04d}Z001C{c}.tif",
    "gen5": "exp/B12_-1_{c}_{p}_{light} 469,525_{t:03d}.tif",
    "gen5, z": "B12_01_{c}_{p}Z0_Confocal {light}_{t:03d}.tif",
    "gen5, old": "B12_1_{light}_{p}_{t:03d}_02.tif",
    "evos": "scan_Plate_R_p{t:02d}_0_B12f{p:02d}d{c}.TIF",
    "acquifer": "-B012--PO{p:02d}--LO{t:03d}--CO{c}--SL001--PX32500--PW0070--IN0020--T00{n}.tif",
    "leica_matrix": "slide/field/image--L0000--S00--U00--V01--J07--E0{c}--O00--X0{p}--Y00--T{t:04d}"
    "--Z00--C0{c}.ome.tif",
    "keyence": "Image_T{t:04d}_XY0{p}_Z001_CH{c}.tif",
    "cell_tracking_challenge": "0{p}/t{t:03d}.tif",
    "zen": "Experiment-01_s{p}t{t:03d}c{c}_ORG.tif",
    "nis": "ecoli set1xy{p:02d}c{c}t{t:03d}.tif",
    "nis, other order": "expt{t:03d}xy{p}c{c}.tif",
    "nis, z": "expz01c{c}xy{p}t{t:03d}.tif",
    "supersegger": "xy{p}/{folder}/t{t:05d}xy{p:03d}c{c}.tif",
    "leica": "Project_Position {p}_t{t:02d}_z00_ch0{c}.tif",
    "andor": "exp_f000{p}_t000{t}_z0000_w000{c}.tif",
    "pattern": "my (exp) [1]/s{p}_frame{t}_{light}.tif",
    "nis, bare": "t{t:02d}xy{p:04d}.tif",
    "pattern, words": "Zellen ä/pos {p} - time {t} - ch {c}.TIFF",
    "pattern, time only": "img_{t:04d}.tif",
    "pattern, dates": "cam_2024-05-0{t}_12-30-00_xy{p}_{light}.tif",
    "pattern, ImageJ": "exp_c{c}_z1_t{t:03d}.tif",
    "pattern, capitals": "exp-Scene-{p}-T{t}-C{c}.tif",
    "pattern, row and column": "r01c0{p}f01_t{t}_{light}.tif",
    "pattern, folders": "{p}/{t}.tif",
    "pattern, folders of channels": "{light}/pos{p}_t{t:03d}.tif",
    "pattern, multipoint": "expt{t:02d}m{p}c{c}.tif",
    "pattern, signs": "exp #{p} ({light}) t={t}.tif",
    "pattern, upper case": "EXPXY{p}T{t:02d}C{c}.TIF",
    "pattern, exposure": "60x 100ms_s{p}_{light}_t{t}.tif",
    "pattern, wells": "A{p}_{light}_{t:03d}.tif",
    "pattern, groups": "{group}_t{t}_c{c}.tif",
}  # fmt: skip


def write(base: Path, template: str, frames=(2, 3, 4), fields=(2, 5), channels=(1, 2)) -> int:
    """Write images whose value is 1000 p + 10 t + c, and files that are none of them."""
    known = "{c}" in template or "{light}" in template or "{c:" in template
    alone = not any(text in template for text in ("{p", "{group"))
    count = 0
    for p in fields[:1] if alone else fields:
        for t in frames:
            for c in channels if known else channels[:1]:
                count += 1
                path = base / template.format(
                    p=p, t=t, c=c, n=f"{count:08d}", guid=GUID.format(count), ms=1000 * t + c,
                    light=LIGHT[c - 1], folder=("phase", "fluor1")[c - 1],
                    group={2: "control", 5: "drug"}[p],
                )  # fmt: skip
                path.parent.mkdir(parents=True, exist_ok=True)
                assert not path.exists()
                value = 1000 * p + 10 * t + (c if known else 0)
                tifffile.imwrite(path, np.full((6, 8), value, np.uint16), metadata=None)
                if t == frames[0]:
                    for name in BESIDE:
                        image = "cp" in name or "thumb" in name
                        other = path.with_name(name.format(path.name.rsplit(".", 1)[0]))
                        tifffile.imwrite(other, np.ones((6, 8) if image else (2, 2), np.uint16))
    return count


def values(recording) -> dict[tuple[int, str], list[int]]:
    """Return the pixel values of each field and channel, frame by frame."""
    names = recording.info.channels
    rows = {(f.index, name): [] for f in recording.info.fields for name in names}
    for field in recording.info.fields:
        for planes in recording.frames(field.index, list(range(len(names)))):
            for name, plane in zip(names, planes, strict=True):
                assert len(np.unique(plane)) == 1
                rows[field.index, name].append(int(plane[0, 0]))
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_what_describe_prints_reads_the_images(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    template, layout = NAMES[name], name.split(",")[0].strip()
    write(tmp_path / "in put", template)
    text = describe("in put")
    config = yaml.safe_load(text.split("In config/config.yaml:")[1])
    (entry,) = config["datasets"].values()
    assert validated(config)["datasets"]
    assert entry["input"].get("layout", "pattern") == layout
    assert "thumb" in text.split("left out")[1].split("\n")[0]
    alone = not any(part in template for part in ("{p", "{group"))
    fields = [2] if alone else [2, 5]
    known = any(part in template for part in ("{c", "{light"))
    with open_recording(entry["input"]) as recording:
        info = recording.info
        assert len(info.fields) == len(fields)
        assert len(info.channels) == (2 if known else 1)
        assert [f.frames for f in info.fields] == [3] * len(fields)
        assert info.notes == []
        found = values(recording)
        for (field, channel), row in found.items():
            c = row[0] % 10
            assert row == [1000 * fields[field] + 10 * t + c for t in (2, 3, 4)]
            if known and any(word in channel for word in LIGHT):
                assert LIGHT[c - 1] in channel
        assert len({tuple(row) for row in found.values()}) == len(found)
        if layout == "incucyte" or "dates" in name:
            np.testing.assert_allclose(info.fields[0].times[0], [0, 86400, 172800])


def test_every_layout_is_tried_and_documented():
    assert {name.split(",")[0].strip() for name in NAMES} >= set(LAYOUTS) - {"cellacdc"}
    reference = (Path(__file__).parents[2] / "config/README.md").read_text("utf-8")
    for name, layout in LAYOUTS.items():
        assert f"| `{name}` | {layout.instrument} | `{layout.example}` |" in reference


def test_cellacdc(tmp_path):
    for p in (2, 10):
        folder = tmp_path / f"Position_{p}" / "Images"
        folder.mkdir(parents=True)
        for c, name in enumerate(("phase_contr", "mNeon")):
            image = np.stack([np.full((6, 8), 1000 * p + 10 * t + c, np.uint16) for t in range(3)])
            tifffile.imwrite(folder / f"my_exp_s{p:02d}_{name}.tif", image, imagej=True,
                             metadata={"axes": "TYX"})  # fmt: skip
        (folder / f"my_exp_s{p:02d}_segm.npz").write_bytes(b"x")
        (folder / f"my_exp_s{p:02d}_metadata.csv").write_bytes(b"x")
    known = recognise(str(tmp_path))
    assert known.source["layout"] == "cellacdc"
    with open_recording(known.source) as recording:
        assert [f.name for f in recording.info.fields] == ["2", "10"]
        assert values(recording)[1, "mNeon"] == [10001, 10011, 10021]
        assert len(recording.info.left_out) == 4


@pytest.mark.parametrize(
    ("pattern", "fields"),
    [
        ("r/t{frame}xy{fov}.tif", ["02", "05"]), ("r/t{frame}xy{fov:2}.tif", ["02", "05"]),
        ("r/t{frame:2}xy{fov:name}.tif", ["02", "05"]), ("r/*{frame:1}xy{fov}.tif", ["02", "05"]),
    ],
)  # fmt: skip
def test_masks_and_thumbnails_are_no_fields_and_no_channels(tmp_path, pattern, fields):
    write(tmp_path / "r", "t{t:02d}xy{p:02d}.tif")
    found = find(pattern, tmp_path)
    assert {m.fov for m in found.matches} == set(fields)
    assert len(found.matches) == 6
    assert len(found.left) == 2 * 5 + 3  # what is hidden is not listed


def test_channels_by_width_list_and_name(tmp_path):
    for name in (f"a_w1{GUID}.tif", f"a_w2{GUID}.tif", f"a_w1_thumb{GUID}.tif"):
        (tmp_path / name.format(7)).write_bytes(b"x")
    assert [m.channel for m in find("a_w{channel:1}{guid}.tif", tmp_path).matches] == ["1", "2"]
    for name in ("x_GFP_1.tif", "x_GFP only_1.tif", "x_Phase_1.tif", "x_Phase_cp_masks_1.tif"):
        (tmp_path / name).write_bytes(b"x")
    found = find("x_{channel:Phase|GFP}_{frame}.tif", tmp_path)
    assert [m.channel for m in found.matches] == ["GFP", "Phase"]
    found = find("x_{channel:name}_{frame}.tif", tmp_path)
    assert [m.channel for m in found.matches] == ["GFP only", "GFP", "Phase"]
    assert [os.path.basename(path) for path in found.left if "masks" in path]


def test_optional_parts_and_parts_in_any_order(tmp_path):
    for name in ("c1t1.tif", "t2c1.tif", "c1t3z1.tif", "c1.tif", "c1t1t1.tif", "c1t4_ORG.TIF"):
        (tmp_path / name).write_bytes(b"x")
    found = find("<t{frame}|c{channel}|z{z}><_ORG>.tif", tmp_path)
    assert {(m.path, m.frame, m.z) for m in found.matches} == {
        ("c1t1.tif", 1, None), ("t2c1.tif", 2, None), ("c1t3z1.tif", 3, 1),
        ("c1t4_ORG.TIF", 4, None),
    }  # fmt: skip
    assert sorted(found.left) == ["c1.tif", "c1t1t1.tif"]


def test_numbers_with_gaps_keep_their_names(tmp_path):
    for p, t, c in [(p, t, c) for p in (2, 10) for t in (7, 8, 10) for c in (1, 3)]:
        image = np.full((4, 4), 1000 * p + 10 * t + c, np.uint16)
        tifffile.imwrite(tmp_path / f"xy{p}c{c}t{t}.tif", image)
    with open_recording({"layout": "nis", "folder": "."}, base=tmp_path) as recording:
        info = recording.info
        assert [f.name for f in info.fields] == ["2", "10"]
        assert info.channels == ["c1", "c3"]
        assert (info.fields[0].frames, info.fields[0].missing) == (3, (2,))
        assert values(recording)[1, "c3"] == [10073, 10083, 10103]


def test_wavelengths_are_channels(tmp_path):
    for t, c in [(t, c) for t in (1, 2) for c in (405, 488)]:
        image = np.full((4, 4), c - 400 + 100 * t, np.uint16)
        tifffile.imwrite(tmp_path / f"exp_{c} nm_{t:03d}.tif", image)
    with open_recording(recognise(str(tmp_path)).source) as recording:
        assert recording.info.channels == ["channel 405", "channel 488"]
        assert values(recording)[0, "channel 488"] == [188, 288]


def test_a_channel_with_a_name_among_numbers_is_not_left_out_in_silence(tmp_path):
    for t, c in [(t, c) for t in (1, 2) for c in ("405", "488", "BF")]:
        tifffile.imwrite(tmp_path / f"exp_{c}_{t:03d}.tif", np.zeros((4, 4), np.uint16))
    with open_recording({"pattern": "exp_{channel}_{frame}.tif"}, base=tmp_path) as recording:
        (note,) = recording.info.notes
        assert note.startswith("left out: 2 files such as exp_BF_001.tif, for {channel} stands for")
    with open_recording({"pattern": "exp_{channel:name}_{frame}.tif"}, base=tmp_path) as recording:
        assert recording.info.channels == ["405", "488", "BF"]
        assert recording.info.notes == []


def test_several_wells_are_several_fields(tmp_path):
    for well in ("A01", "B12", "P24", "AF48"):
        for s in (1, 2):
            for t in (1, 2):
                path = tmp_path / f"TimePoint_{t}" / f"exp_{well}_s{s}_w1.TIF"
                path.parent.mkdir(exist_ok=True)
                tifffile.imwrite(path, np.full((4, 4), 10 * s + t, np.uint16))
    with open_recording({"layout": "metaxpress", "folder": tmp_path}) as recording:
        names = [f.name for f in recording.info.fields]
        assert names == ["A01_1", "A01_2", "AF48_1", "AF48_2", "B12_1", "B12_2", "P24_1", "P24_2"]
        assert values(recording)[7, "Channel 0"] == [21, 22]


def test_a_scan_that_lacks_in_one_well_and_times_of_each_well(tmp_path):
    for well, hours in (("A1", (0, 2, 5)), ("A2", (0, 5))):
        for h in hours:
            image = np.full((4, 4), h, np.uint16)
            tifffile.imwrite(tmp_path / f"exp_{well}_1_00d{h:02d}h00m.tif", image)
    with open_recording({"layout": "incucyte", "folder": tmp_path}) as recording:
        first, second = recording.info.fields
        assert (first.times, first.missing) == ([[0, 7200, 18000]], ())
        assert (second.times, second.missing) == ([[0, 18000]], (1,))
    own = tmp_path / "own"
    own.mkdir()
    for p, h, minute in [(p, h, 7 * p) for p in range(5) for h in range(4)]:
        tifffile.imwrite(
            own / f"A1-{p}_2024y01m31d_{h:02d}h{minute:02d}m.tif", np.eye(4, dtype="u1")
        )
    pattern = "own/{well}-{fov}_{year}y{month}m{day}d_{hour}h{minute}m.tif"
    with open_recording({"pattern": pattern}, base=tmp_path) as recording:
        assert [f.frames for f in recording.info.fields] == [4] * 5
        assert recording.info.fields[2].times[0] == [840 + 3600 * h for h in range(4)]


def stamped(path: Path, value: int, stamp: str, *, metaseries: bool) -> None:
    path.parent.mkdir(exist_ok=True)
    image = np.arange(48, dtype=np.uint16).reshape(6, 8) + value
    about = (f'<MetaData><PlaneInfo><prop id="acquisition-time-local" type="time" value="{stamp}"/>'
             f'<prop id="number" value="{path.parent.name}"/></PlaneInfo></MetaData>')  # fmt: skip
    given = {"description": about} if metaseries else {"datetime": stamp}
    tifffile.imwrite(path, image, metadata=None, **given)


@pytest.mark.parametrize("metaseries", [True, False])
def test_repeated_images_of_a_skipped_channel_are_no_measurements(tmp_path, metaseries):
    form = "20240501 12:{:02d}:00.250" if metaseries else "2024:05:01 12:{:02d}:00"
    for t in range(6):
        for s in (1, 2):
            phase = tmp_path / f"TimePoint_{t + 1}" / f"e_B02_s{s}_w1.TIF"
            stamped(phase, 100 * t, form.format(t), metaseries=metaseries)
            kept = t - t % 3  # the second channel in every third frame
            other = phase.with_name(f"e_B02_s{s}_w2.TIF")
            stamped(other, 7 + kept, form.format(kept), metaseries=metaseries)
    with open_recording({"layout": "metaxpress", "folder": tmp_path}) as recording:
        info = recording.info
        assert [f.frames for f in info.fields] == [6, 6]
        assert info.fields[1].channel_frames == (tuple(range(6)), (0, 3))
        (note,) = [note for note in info.notes if "repeat" in note]
        assert note.startswith("channel 1 was not recorded in frames 1-2, 4-5: their files repeat")
        assert "(field of view 0-1)" in note
        planes = list(recording.frames(0, [0, 1]))
        assert [row[1] is None for row in planes] == [False, True, True, False, True, True]
        if metaseries:
            assert info.fields[0].times[0] == [60.0 * t for t in range(6)]
    inspect_input({"layout": "metaxpress", "folder": str(tmp_path)}, tmp_path / "m.yaml")
    assert load_metadata(tmp_path / "m.yaml")["channel_frames"] == ["0-5", "0, 3"]


def test_equal_pixels_of_another_time_and_equal_times_of_other_pixels_are_kept(tmp_path):
    for t in range(3):
        stamped(tmp_path / f"a_t{t}.tif", 5, f"2024:05:01 12:00:0{t}", metaseries=False)
        stamped(tmp_path / f"b_t{t}.tif", t, "2024:05:01 12:00:00", metaseries=False)
        tifffile.imwrite(tmp_path / f"c_t{t}.tif", np.zeros((6, 8), np.uint16))
    for name in "abc":
        with open_recording({"pattern": f"{name}_t{{frame}}.tif"}, base=tmp_path) as recording:
            assert recording.info.fields[0].frames == 3
            assert recording.info.fields[0].channel_frames is None


def test_a_channel_that_was_recorded_less_often(tmp_path):
    for t in range(12):
        for c in (1, 2) if t % 3 == 0 else (1,):
            image = np.full((4, 4), 10 * t + c, np.uint16)
            tifffile.imwrite(tmp_path / f"t{t + 1:03d}xy1c{c}.tif", image)
    with open_recording({"layout": "nis", "folder": tmp_path}) as recording:
        (field,) = recording.info.fields
        assert (field.frames, field.missing) == (12, ())
        assert field.channel_frames == (tuple(range(12)), (0, 3, 6, 9))
        planes = [row[1] for row in recording.frames(0, [0, 1])]
        assert [int(p[0, 0]) for p in planes if p is not None] == [2, 32, 62, 92]


def test_folders_that_are_no_single_images(tmp_path):
    data = np.zeros((4, 6, 8), np.uint16)
    for p in range(3):
        (tmp_path / "stacks").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "stacks" / f"exp_{p}.tif", data, imagej=True,
                         metadata={"axes": "TYX"})  # fmt: skip
        (tmp_path / "sites").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "sites" / f"exp_s{p}.tif", data[0])
        (tmp_path / "ome").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "ome" / f"exp_t{p}.ome.tif", data[0])
    (tmp_path / "empty").mkdir()
    for name in ("stacks", "sites", "ome", "empty", "nothing"):
        assert recognise(name, tmp_path) is None, name


def test_two_numbers_that_nothing_explains_are_not_guessed(tmp_path):
    for a, b in np.ndindex(3, 4):
        tifffile.imwrite(tmp_path / f"x_{a}_{b}.tif", np.zeros((6, 8), np.uint16))
    assert recognise(".", tmp_path) is None


def test_each_folder_is_listed_once_and_no_file_is_looked_at(tmp_path, monkeypatch):
    for t in range(40):
        path = tmp_path / f"TimePoint_{t}" / "exp_A01_s1_w1.TIF"
        path.parent.mkdir()
        path.write_bytes(b"x")
    listed, asked = [], []
    scandir, stat = os.scandir, os.stat
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    monkeypatch.setattr(os, "stat", lambda path, *a, **k: asked.append(path) or stat(path, *a, **k))
    monkeypatch.setattr(os, "listdir", None)
    found = find("TimePoint_{frame}/exp_{well}_s{fov}_w{channel}.tif", tmp_path)
    assert len(found.matches) == 40
    assert len(listed) == 41
    assert not asked


def test_files_of_another_shape_are_named(tmp_path):
    for t in range(3):
        shape = (6, 8) if t != 1 else (3, 8)
        tifffile.imwrite(tmp_path / f"e_t{t}.tif", np.zeros(shape, np.uint16))
    with pytest.raises(FoveaError, match=r"^e_t1\.tif: is 3 x 8 pixels of uint16, not 6 x 8 of"):
        open_recording({"pattern": "e_t{frame}.tif"}, base=tmp_path)


def test_a_plate_in_two_folders_is_not_mixed_up(tmp_path):
    for plate in "ab":
        write(tmp_path / plate, NAMES["metaxpress "])
    with pytest.raises(FoveaError, match="for the same image"):
        open_recording({"layout": "metaxpress", "folder": str(tmp_path)})


def test_images_with_frames_and_z_planes_in_each_file(tmp_path):
    data = np.arange(3 * 2 * 6 * 8, dtype=np.uint16).reshape(3, 2, 6, 8)
    for c in range(2):
        tifffile.imwrite(tmp_path / f"s1_c{c}.tif", data + c, imagej=True,
                         metadata={"axes": "TZYX"})  # fmt: skip
    with open_recording({"pattern": "s{fov}_c{channel}.tif"}, base=tmp_path) as recording:
        assert (recording.info.fields[0].frames, recording.info.fields[0].planes) == (3, 2)
        for z in range(2):
            for t, planes in enumerate(recording.frames(0, [0, 1], z)):
                for c, plane in enumerate(planes):
                    np.testing.assert_array_equal(plane, data[t, z] + c)


def test_z_planes_of_one_channel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for t, z, c in [
        (t, z, c) for t in (1, 2) for z in (1, 2, 3) for c in (1, 2) if c == 2 or z < 2
    ]:
        image = np.full((4, 4), 100 * t + 10 * z + c, np.uint16)
        path = Path("plate", f"TimePoint_{t}", *([f"ZStep_{z}"] if c == 2 else []))
        path.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path / f"e_B02_s1_w{c}.TIF", image)
    text = describe("plate")
    config = validated(yaml.safe_load(text.split("In config/config.yaml:")[1]))
    assert config["datasets"]["plate"]["z"] == "max"
    with open_recording(config["datasets"]["plate"]["input"]) as recording:
        (field,) = recording.info.fields
        assert (field.frames, field.planes, field.channel_planes) == (2, 3, ((0,), (0, 1, 2)))
        planes = [[int(p[0, 0]) for p in row] for row in recording.frames(0, [0, 1], "max")]
        assert planes == [[111, 132], [211, 232]]
    validated(
        {"datasets": {"a": {"input": {"pattern": "t{frame}z{z}.tif"}, "channels": {"pc": 0}}}}
    )


@pytest.mark.parametrize("source", ["r", "r/*.tif"])
def test_planes_that_are_taken_for_fields_are_doubted(tmp_path, monkeypatch, caplog, source):
    monkeypatch.chdir(tmp_path)
    for t, p in np.ndindex(3, 2):
        Path("r").mkdir(exist_ok=True)
        tifffile.imwrite(f"r/t{t}xy{p}.tif", np.full((6, 8), 10 * p + t, np.uint16))
    inspect_input(source, "m.yaml")
    assert "write input: {layout: nis, folder: r}" in caplog.text
    if "*" in source:
        assert "{layout: nis, folder: r}" in describe(source)
    caplog.clear()
    inspect_input({"layout": "nis", "folder": "r"}, "m.yaml")
    assert "field of view of its own" not in caplog.text


def test_planes_whose_numbers_nothing_explains_are_doubted(tmp_path):
    for a, b in np.ndindex(3, 4):
        tifffile.imwrite(tmp_path / f"x_{a}_{b}.tif", np.zeros((6, 8), np.uint16))
        tifffile.imwrite(tmp_path / f"still_{b}.tif", np.zeros((6, 8), np.uint16))
    assert "note             each of the 12 files is taken for a field" in describe(
        str(tmp_path / "x_*.tif")
    )
    assert "note" not in describe(str(tmp_path / "still_*.tif"))


def test_names_of_a_mac_and_of_windows(tmp_path):
    for form in ("Zellen_a\u0308_1.tif", "Zellen_\u00e4_2.tif"):
        (tmp_path / form).write_bytes(b"x")
    for text in ("Zellen_a\u0308_{frame}.tif", "Zellen_\u00e4_{frame}.tif"):
        assert [m.frame for m in find(text, tmp_path).matches] == [1, 2]
    with pytest.raises(FoveaError, match="write / between folders"):
        find("data\\img_{frame}.tif", tmp_path)


def test_a_folder_is_listed_once_for_all_jobs_of_a_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for t, p in np.ndindex(3, 2):
        Path(f"t{t}xy{p}.tif").write_bytes(b"x")
    entry = {"input": {"layout": "nis", "folder": "."}, "channels": {"pc": 0}}
    plan = Plan(validated({"datasets": {"a": entry}})).datasets["a"]
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    assert [plan.recording() for _ in range(5)] == [["."]] * 5
    assert len(listed) == 1


@pytest.mark.parametrize("mask", ["mask_{}", "Overlay-{}", "masks/{}", "seg/1/{}"])
def test_images_that_are_called_masks_are_left_out(tmp_path, mask):
    for t, p in np.ndindex(3, 2):
        image = f"t{t}xy{p}c1.tif"
        for name, value in ((image, 10 * p + t), (mask.format(image), 99)):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True, parents=True)
            tifffile.imwrite(path, np.full((6, 8), value, np.uint16))
    pattern = {"pattern": f"{tmp_path}/**/*t{{frame}}xy{{fov}}c1.tif"}
    for source in (recognise(str(tmp_path)).source, pattern):
        with open_recording(source) as recording:
            assert list(values(recording).values()) == [[0, 1, 2], [10, 11, 12]]
            assert len(recording.info.left_out) == 6


def test_a_folder_whose_images_are_all_called_so_is_read(tmp_path):
    for t, p in np.ndindex(3, 2):
        image = np.full((6, 8), 10 * p + t, np.uint16)
        tifffile.imwrite(tmp_path / f"label-free roi2_t{t}xy{p}.tif", image)
    with open_recording(recognise(str(tmp_path)).source) as recording:
        assert values(recording)[1, "Channel 0"] == [10, 11, 12]


def test_channels_that_are_listed_may_have_any_name(tmp_path):
    for name in ("Overlay", "GFP", "masks"):
        (tmp_path / f"t1_{name}.tif").write_bytes(b"x")
    found = find("t{frame}_{channel:Overlay|GFP}.tif", tmp_path)
    assert [m.channel for m in found.matches] == ["GFP", "Overlay"]


@pytest.mark.parametrize(
    ("template", "seconds"),
    [
        ("exp_xy{p}_00d{t:02d}h30m.tif", 3600), ("exp_xy{p}_{t}min.tif", 60),
        ("exp {t}h p{p}.tif", 3600), ("s{p}_000{t}ms.tif", 0.001), ("{t:02d}m15s_s{p}.tif", 60),
    ],
)  # fmt: skip
def test_times_with_units_in_names(tmp_path, template, seconds):
    for t, p in [(t, p) for t in (0, 1, 4) for p in (1, 2)]:
        image = np.full((6, 8), 10 * p + t, np.uint16)
        tifffile.imwrite(tmp_path / template.format(t=t, p=p), image)
    with open_recording(recognise(str(tmp_path)).source) as recording:
        assert values(recording)[1, "Channel 0"] == [20, 21, 24]
        np.testing.assert_allclose(recording.info.fields[1].times[0], [0, seconds, 4 * seconds])


def test_two_experiments_in_one_folder(tmp_path):
    for name, t, p in [(name, t, p) for name in ("wt", "mutant") for t in (1, 2) for p in (1, 2)]:
        image = np.full((6, 8), 100 * (name == "wt") + 10 * p + t, np.uint16)
        tifffile.imwrite(tmp_path / f"{name}_t{t}xy{p}.tif", image)
    with pytest.raises(FoveaError, match="for the same image"):
        open_recording({"layout": "nis", "folder": str(tmp_path)})
    with open_recording(recognise(str(tmp_path)).source) as recording:
        names = [f.name for f in recording.info.fields]
        assert names == ["mutant_1", "mutant_2", "wt_1", "wt_2"]
        assert values(recording)[3, "Channel 0"] == [121, 122]


HTD = '"HTSInfoFile", Version 1.0\r\n"WaveName1", "Phase contrast"\r\n"WaveName3", "FITC"\r\n'
IMAGE = '<Image Version="1"><id>0{0}K1</id><ChannelID>{0}</ChannelID><Row>1</Row>{1}</Image>'
NAME = "<ChannelName>{}</ChannelName>"
INDEX = (IMAGE.format(1, NAME.format("Brightfield")) + '<Entry ChannelID="2"><Flatfield/></Entry>'
         + IMAGE.format(3, NAME.format("Alexa 488")))  # fmt: skip
ENTRIES = (f'<Entry ChannelID="1">\n{NAME.format("BF")}</Entry>'
           f'<Entry ChannelID="3"> {NAME.format("EGFP")}</Entry>')  # fmt: skip
MX, PHENIX = "TimePoint_{t}/e_B02_s{p}_w{c}.TIF", "r01c01f{p}p1-ch{c}sk{t}fk1fl1.tiff"
CHANNELS = '{"Summary": {"ChNames": ["unused", "BF", "none", "GFP"], "Positions": 2'  # cut off


@pytest.mark.parametrize(
    ("layout", "template", "companion", "text", "names"),
    [
        ("metaxpress", MX, "e.HTD", HTD, ["Phase contrast", "FITC"]),
        ("phenix", PHENIX, "Index.idx.xml", INDEX, ["Brightfield", "Alexa 488"]),
        ("phenix", PHENIX, "Index.xml", ENTRIES, ["BF", "EGFP"]),
        ("micromanager", "P/img_channel00{c}_position{p}_time{t}_z0.tif", "P/metadata.txt",
         CHANNELS, ["BF", "GFP"]),
        ("metaxpress", MX, "e.HTD", "\0\xff", ["w1", "w3"]),
        ("nis", "xy{p}t{t}c{c}.tif", "e.HTD", HTD, ["c1", "c3"]),
    ],
)  # fmt: skip
def test_names_of_channels_beside_the_images(tmp_path, layout, template, companion, text, names):
    for p, t, c in [(p, t, c) for p in (1, 2) for t in (1, 2) for c in (1, 3)]:
        path = tmp_path / template.format(p=p, t=t, c=c)
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(path, np.full((4, 4), 100 * p + 10 * t + c, np.uint16))
    (tmp_path / companion).write_text(text, "latin-1")
    source = {"layout": layout, "folder": str(tmp_path)}
    with open_recording(source) as recording:
        assert recording.info.channels == names
        assert values(recording)[1, names[1]] == [213, 223]
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / os.path.basename(companion)
    other.write_text(text.replace("GFP", "RFP").replace("FITC", "Cy5").replace("488", "561"))
    with open_recording(source) as recording:  # companions that contradict one another
        assert recording.info.channels[0] in ("Channel 0", "w1", "ch1", "channel1", "c1")


def test_stamps_that_are_all_the_same_say_nothing(tmp_path):
    for t in range(3):
        stamped(tmp_path / f"a_t{t}.tif", 5, "2024:05:01 12:00:00", metaseries=False)
    with open_recording({"pattern": "a_t{frame}.tif"}, base=tmp_path) as recording:
        assert recording.info.fields[0].frames == 3


def test_folders_that_may_not_be_read_and_pictures(tmp_path, monkeypatch):
    for t in (1, 2):
        (tmp_path / f"t{t}xy1.png").write_bytes(b"x")
    with pytest.raises(FoveaError, match=r"t1xy1\.png: single images are read from TIFF files"):
        open_recording({"pattern": "t{frame}xy{fov}.png"}, base=tmp_path)
    with pytest.raises(FoveaError, match="save its PNG or JPEG images as TIFF"):
        open_recording(str(tmp_path))

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FoveaError, match=r"the folder \. cannot be listed \(Permission denied\)"):
        find("t{frame}xy{fov}.tif", tmp_path)


def test_a_field_that_cannot_be_read_fails_alone(tmp_path):
    for p, t in np.ndindex(5, 3):
        image = np.full((6, 8), 10 * p + t, np.uint16)
        tifffile.imwrite(tmp_path / f"t{t}xy{p}.tif", image)
    for t in range(3):
        (tmp_path / f"t{t}xy0.tif").write_bytes(b"II*\0cut")
    (tmp_path / "t0xy2.tif").write_bytes(b"")
    tifffile.imwrite(tmp_path / "t1xy3.tif", np.zeros((3, 8), np.uint16))
    source = {"layout": "nis", "folder": str(tmp_path)}
    with open_recording(source) as recording:
        fields = recording.info.fields
        assert [f.frames for f in fields] == [0, 3, 2, 0, 3]
        assert "t0xy0.tif: is no readable TIFF file" in fields[0].error
        assert "t1xy3.tif: is 3 x 8 pixels of uint16, not 6 x 8" in fields[3].error
        assert [f.error for f in fields if f.frames] == [None] * 3
        notes = recording.info.notes
        assert sum("cannot be used: " in note for note in notes) == 2
        for fov, expected in ((1, [10, 11, 12]), (2, [21, 22]), (4, [40, 41, 42])):
            assert [int(p[0][0, 0]) for p in recording.frames(fov, [0])] == expected
        for fov in (0, 3):
            with pytest.raises(FoveaError, match=rf"`exclude_fovs: \[{fov}\]` leaves the field"):
                next(iter(recording.frames(fov, [0])))
    inspect_input(source, tmp_path / "m.yaml")
    metadata = load_metadata(tmp_path / "m.yaml")
    assert [bool(field.get("error")) for field in metadata["fields"]] == [
        True,
        False,
        False,
        True,
        False,
    ]
    for path in tmp_path.glob("*.tif"):
        path.write_bytes(b"II*\0cut")
    with pytest.raises(FoveaError, match=r"t0xy0\.tif: is no readable TIFF file"):
        open_recording(source)
