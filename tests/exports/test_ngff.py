"""OME-Zarr images with labels, validated with ome-zarr-models and read by napari's plug-in."""

from __future__ import annotations

import os

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05.image import Image
from ome_zarr_models.v05.image_label import ImageLabel

from fovea.cli import main
from fovea.errors import FoveaError
from fovea.exports.ngff import export_ngff
from support.drawn_field import draw_field, family


@pytest.mark.filterwarnings("ignore")  # of napari's libraries
def test_readers_find_image_and_labels(tmp_path):
    from napari_ome_zarr import napari_get_reader

    ids, parents = family()
    field = draw_field(tmp_path, ids, parents)
    assert export_ngff(field, tmp_path / "out/drawn.zarr") == "hard links"
    root = zarr.open_group(tmp_path / "out/drawn.zarr", mode="r")
    image = Image.from_zarr(root)
    assert image.labels is not None
    assert image.labels.attributes.ome.labels == ["cells"]
    label = ImageLabel.from_zarr(root["labels/cells"])
    assert label.ome_attributes.image_label.source.image == "../../"
    found = napari_get_reader(str(tmp_path / "out/drawn.zarr"))(str(tmp_path / "out/drawn.zarr"))
    layers = {kind: (data, options) for data, options, kind in found}
    assert layers.keys() == {"image", "labels"}

    def pixels(kind):
        data = layers[kind][0]
        return np.asarray(data[0] if isinstance(data, list) else data)

    assert np.array_equal(pixels("labels").squeeze(), ids)
    assert np.array_equal(pixels("image").squeeze(), np.where(ids > 0, 3000, 1000))
    for kind in layers:
        assert tuple(np.squeeze(layers[kind][1]["scale"])) == (600, 0.65, 0.65)


def test_no_pixel_is_written_twice(tmp_path):
    field = draw_field(tmp_path, *family())
    export_ngff(field, tmp_path / "drawn.zarr")
    for kind, place in (("pc", "0"), ("seg_tracked", "labels/cells/0")):
        for file in (field.group(kind) / "0").iterdir():
            assert os.path.samefile(file, tmp_path / "drawn.zarr" / place / file.name)


def test_symbolic_links_on_another_file_system(tmp_path, monkeypatch):
    def link(*_):
        raise OSError(18, "Invalid cross-device link")

    ids, parents = family()
    field = draw_field(tmp_path, ids, parents)
    monkeypatch.setattr(os, "link", link)
    assert export_ngff(field, tmp_path / "out/drawn.zarr") == "symbolic links"
    labels = zarr.open_array(tmp_path / "out/drawn.zarr/labels/cells/0", mode="r")
    assert np.array_equal(labels[:], ids)


def test_what_is_there_and_unknown_channels(tmp_path):
    field = draw_field(tmp_path, *family())
    with pytest.raises(FoveaError, match="--channel: '1' is no channel of drawn; allowed: 0"):
        export_ngff(field, tmp_path / "drawn.zarr", channel=1)
    export_ngff(field, tmp_path / "drawn.zarr")
    with pytest.raises(FoveaError, match="drawn.zarr: exists already"):
        export_ngff(field, tmp_path / "drawn.zarr")


def test_the_command(run, tmp_path, capsys):
    words = ["export", "ngff", "--directory", str(run), "--output", str(tmp_path / "out")]
    assert main([*words, "--channel", "1"]) == 0
    target = tmp_path / "out" / "a_fov_000_ch_1.zarr"
    assert capsys.readouterr().out.startswith(f"{target}: ")
    assert Image.from_zarr(zarr.open_group(target, mode="r")).labels is not None
