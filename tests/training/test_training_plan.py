"""Plans of a training: which recordings, and what is said of plans that cannot be followed."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

import train
from fovea.errors import FoveaError
from plan import of_file, of_folder

TRAINING = Path(train.__file__).parent
ENTRY = {"cell_diameter": 20, "share": 0.5, "inverted": 0.1, "pasted": 0.5}


def write(folder, recordings, **keys):
    plan = {"channels": [8, 16], "steps": 5}
    plan["pictures"] = {"count": 2, "seed": 1, "share": 0.4}
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan | {"recordings": recordings} | keys))
    return folder / "plan.yaml"


def labels(frames=3):
    ids = np.zeros((frames, 40, 50), np.uint16)
    ids[: frames - 1, 10:20, 10:25] = 1
    return ids


def images(folder):
    """A movie of which the last frame has no cell, and two stills."""
    rng = np.random.default_rng(0)
    movie = rng.integers(0, 99, (3, 2, 40, 50)).astype(np.uint16)
    tifffile.imwrite(folder / "movie.tif", movie, photometric="minisblack")
    tifffile.imwrite(folder / "movie_ids.tif", labels(), photometric="minisblack")
    for name in "ab":
        frame = rng.integers(0, 99, (40, 50)).astype(np.uint16)
        tifffile.imwrite(folder / f"{name}.ome.tiff", frame)
        tifffile.imwrite(folder / f"{name}_ids.ome.tiff", labels()[0])


def test_a_plan(tmp_path):
    images(tmp_path)
    path = write(tmp_path, {
        "movie": ENTRY | {"frames": "movie.tif", "labels": "movie_ids.tif"},
        "stills": ENTRY | {"frames": "*.ome.tiff", "labels": "*_ids.ome.tiff"},
    })  # fmt: skip
    plan = of_file(path, tmp_path)
    movie, stills = plan.recordings
    assert [still.name for still in movie.stills] == ["movie 0", "movie 1"]
    first = tifffile.imread(tmp_path / "movie.tif")[:, 0]
    np.testing.assert_array_equal(movie.stills[1].frame, first[1])
    assert [still.name for still in stills.stills] == ["a", "b"]
    assert (plan.steps, plan.pictures, plan.drawn_share) == (5, 2, 0.4)
    assert plan.channels == (8, 16)
    assert [one.flat.shape for one in movie.examples()] == [(72, 90)] * 2
    assert len(of_folder(tmp_path, 20).recordings[0].stills) == 2


def test_fovea_s_own_plan_names_what_the_docs_name():
    given = yaml.safe_load((TRAINING / "general.yaml").read_text())
    assert set(given["recordings"]) == {"t98g", "ecoli_phase_fluo", "ecoli_colony", "c2c12"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"frames": "movie.tif", "labels": "absent.tif"}, "movie: .* holds no absent.tif"),
        ({"frames": "a.ome.tiff", "labels": "movie_ids.tif"}, "they must be alike"),
        ({"frames": "movie.tif"}, "a recording has cell_diameter, frames"),
        ({"frames": "gone.tif", "labels": "movie_ids.tif"}, "gone.tif cannot be read"),
    ],
)
def test_recordings_that_do_not_fit(tmp_path, entry, message):
    images(tmp_path)
    with pytest.raises(FoveaError, match=message):
        of_file(write(tmp_path, {"movie": ENTRY | entry}), tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", "recordings: 3", "a: [", "steps: 3"])
def test_files_that_are_no_plan(tmp_path, text):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(FoveaError, match="is no plan like training/general.yaml"):
        of_file(tmp_path / "plan.yaml", tmp_path)
    with pytest.raises(FoveaError, match="is no plan"):
        of_file(tmp_path / "absent.yaml", tmp_path)


@pytest.mark.parametrize("channels", [[], [0], [16, -1]])
def test_channels_that_make_no_network(tmp_path, channels):
    images(tmp_path)
    entry = ENTRY | {"frames": "movie.tif", "labels": "movie_ids.tif"}
    with pytest.raises(FoveaError, match="channels are numbers above 0"):
        of_file(write(tmp_path, {"movie": entry}, channels=channels), tmp_path)


def test_what_is_left_out(tmp_path, capsys, monkeypatch):
    images(tmp_path)
    path = write(tmp_path, {
        "movie": ENTRY | {"frames": "movie.tif", "labels": "movie_ids.tif"},
        "stills": ENTRY | {"frames": "*.ome.tiff", "labels": "*_ids.ome.tiff"},
    })  # fmt: skip
    plan = of_file(path, tmp_path)
    kept, out = train.divided(plan, ["movie", "b"])
    assert [[s.name for s in one.stills] for one in kept] == [["a"]]
    assert [[s.name for s in one.stills] for one in out] == [["movie 0", "movie 1"], ["b"]]
    with pytest.raises(FoveaError, match="--leave-out c: there are a, b, movie"):
        train.divided(plan, ["c"])
    with pytest.raises(FoveaError, match="leaves nothing to train on"):
        train.divided(plan, ["movie", "stills"])
    monkeypatch.setitem(sys.modules, "torch", None)
    options = [str(tmp_path), "--out", str(tmp_path / "w.npz"), "--plan"]
    assert train.main([*options, str(path)]) == 1
    assert "torch is not installed" in capsys.readouterr().err
