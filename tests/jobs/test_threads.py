"""Several threads: the same bytes as one."""

from __future__ import annotations

import numpy as np
import pytest

from fovea.background.background import background
from fovea.cells.crop import crop
from fovea.display.cache import cache
from fovea.jobs.threads import ordered_map, side_by_side
from fovea.recordings.copy_raw import copy_raw
from fovea.segmentation.segment import segment
from fovea.simulation.field import Field
from fovea.tracking.track import track
from support.channels import write_channel
from support.recordings import write_ome_tiff

LOGSTD = {"method": "logstd", "morph_size": 5, "morph_iterations": 1}
BACKGROUND = {"dilation_radius": 4, "tile_size": 40, "tile_overlap": 0.5,
              "rounding_error": 0.0625, "save_corrected": True, "weight": 0.9}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All files of the steps that take threads, by number of threads."""
    field = Field(3, 9, 150, 170, 6, channels=2)
    rendered = list(field.frames())
    recording = tmp_path_factory.mktemp("recording") / "a.ome.tiff"
    both = np.stack([[f.phase, f.fluo[1]] for f in rendered])
    write_ome_tiff(recording, both[None, :, None])
    found = {}
    for threads in (1, 2, 5):
        folder = tmp_path_factory.mktemp(f"threads_{threads}")
        write_channel(folder / "pc_ch_0", np.stack([f.phase for f in rendered]))
        raw = [folder / f"fl_ch_{c}" for c in (1, 2)]
        for c, group in enumerate(raw):
            write_channel(group, np.stack([f.fluo[c] for f in rendered]))
        labels = folder / "seg_labeled_ch_0"
        segment(folder / "pc_ch_0", labels, LOGSTD, threads=threads)
        targets = [folder / f"fl_{kind}_ch_{c}" for kind in ("background", "corrected")
                   for c in (1, 2)]  # fmt: skip
        background(raw, targets, labels, BACKGROUND, threads=threads)
        surfaces = [folder / f"surface_{target.name}" for target in targets]
        background(raw, surfaces, labels, BACKGROUND | {"method": "local_surface"}, threads=threads)
        cache([labels, *raw, *targets], threads=threads)
        track(labels, folder / "seg_tracked_ch_0", {"method": "iou"}, folder / "lineage.csv")
        crop(folder / "seg_tracked_ch_0", [folder / "pc_ch_0", *raw], targets[:2],
             folder / "cells.zarr", 3, threads=threads)  # fmt: skip
        copy_raw(str(recording), folder / "images.zarr", 0, {"pc_ch_0": 0, "fl_ch_1": 1},
                 threads=threads)  # fmt: skip
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        found[threads] = {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}
    return found


@pytest.mark.parametrize("threads", [2, 5])
def test_bytes_do_not_depend_on_threads(results, threads):
    assert len(results[1]) > 40
    assert results[threads] == results[1]


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_results_come_in_order_and_few_items_are_held(threads):
    taken = []

    def items():
        for i in range(50):
            taken.append(i)
            yield i

    for done, value in enumerate(ordered_map(lambda i: i * i, items(), threads)):
        assert value == done * done
        assert len(taken) <= done + 1 + threads
    assert done == 49


def test_an_exception_in_a_thread_is_not_lost():
    with pytest.raises(ZeroDivisionError):
        list(ordered_map(lambda i: 1 // i, [1, 0, 2], 2))


@pytest.mark.parametrize("threads", [1, 3])
def test_calls_side_by_side_are_all_made_and_tell_an_error(threads):
    done = [[] for _ in range(5)]
    with side_by_side(threads) as apply:
        for number in range(20):
            apply(list.append, done, range(number, number + 5))
        with pytest.raises(AttributeError, match="append"):
            apply(lambda one, other: one.append(other), [[], None], [1, 2])
    assert done == [list(range(i, i + 20)) for i in range(5)]
