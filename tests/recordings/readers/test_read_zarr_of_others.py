"""OME-Zarr that other libraries wrote: ome-zarr-models, and acquire-zarr, which shares no code."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from fovea.recordings.readers import open_recording
from support.recordings import assert_same_pixels, pixels

AXES = {"t": ("time", "second"), "c": ("channel", None), "z": ("space", "micrometer"),
        "y": ("space", "micrometer"), "x": ("space", "micrometer")}  # fmt: skip
SCALE = {"t": 30.0, "c": 1.0, "z": 2.0, "y": 0.25, "x": 0.5}
TRANSLATION = [0.0, 0.0, 0.0, -7.5, 12.0]
LABELS = ["Phase", "GFP/ä"]


def write_with_models(path: Path, image: np.ndarray, version: str) -> None:
    """Write (T, Z, C, H, W) with the validated models of ome-zarr-models."""
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("ome_zarr_models")
    name = f"ome_zarr_models.v{version.replace('.', '')}"
    Image = importlib.import_module(f"{name}.image").Image
    Axis = importlib.import_module(f"{name}.axes").Axis
    omero = importlib.import_module("ome_zarr_models.common.omero")
    specs = importlib.import_module(f"pydantic_zarr.v{2 if version == '0.4' else 3}")
    Image.model_rebuild(_types_namespace=vars(specs))  # it imports them for type checkers only
    pixels = image.transpose(0, 2, 1, 3, 4)
    named = {} if version == "0.4" else {"dimension_names": list(AXES)}
    model = Image.new(
        array_specs=[specs.ArraySpec.from_array(pixels, **named)],
        paths=["full"],
        axes=[Axis(name=axis, type=kind, unit=unit) for axis, (kind, unit) in AXES.items()],
        scales=[list(SCALE.values())],
        translations=[TRANSLATION],
        name="well A1",
    )
    window = omero.Window(min=0, max=65535, start=0, end=999)
    channels = [omero.Channel(color="FFFFFF", window=window, label=label) for label in LABELS]
    added = {"omero": omero.Omero(channels=channels)}
    attributes = model.attributes
    if version == "0.4":
        attributes = attributes.model_copy(update=added)
    else:
        attributes = attributes.model_copy(update={"ome": attributes.ome.model_copy(update=added)})
    group = model.model_copy(update={"attributes": attributes}).to_zarr(
        zarr.storage.LocalStore(path), ""
    )
    group["full"][:] = pixels


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_models(tmp_path, version):
    data = pixels(1, 5, 3, 2)
    write_with_models(tmp_path / "a.zarr", data[0], version)
    assert (tmp_path / "a.zarr" / (".zattrs" if version == "0.4" else "zarr.json")).exists()
    with open_recording("a.zarr", base=tmp_path) as recording:
        info = recording.info
        assert_same_pixels(recording, data)
        assert info.channels == LABELS
        assert info.pixel_size_um == {"y": 0.25, "x": 0.5}
        (field,) = info.fields
        assert field.name == "well A1"
        assert field.stage_position_um == {"y": -7.5, "x": 12.0}
        assert (field.times_source, field.times) == ("nominal", [[0.0, 30.0, 60.0, 90.0, 120.0]])


def settings(image: np.ndarray, compressed: bool, chunks=(1, 1, 1, 5, 4), shards=(2, 1, 3, 3, 3)):
    """Settings of acquire-zarr for (T, Z, C, H, W); the number of frames is left open."""
    acquire = pytest.importorskip("acquire_zarr")
    sizes = dict(zip("tzcyx", image.shape, strict=True)) | {"t": 0}
    kinds = {"time": "TIME", "channel": "CHANNEL", "space": "SPACE"}
    dimensions = [
        acquire.Dimension(
            name=axis, kind=getattr(acquire.DimensionType, kinds[kind]), array_size_px=sizes[axis],
            chunk_size_px=chunk, shard_size_chunks=shard, scale=SCALE[axis],
            **({"unit": unit} if unit else {}),
        )
        for (axis, (kind, unit)), chunk, shard in zip(AXES.items(), chunks, shards, strict=True)
    ]  # fmt: skip
    packing = acquire.CompressionSettings(
        compressor=acquire.Compressor.BLOSC1, codec=acquire.CompressionCodec.BLOSC_ZSTD, level=1,
        shuffle=1,
    )  # fmt: skip
    return acquire, acquire.ArraySettings(
        dimensions=dimensions, data_type=image.dtype, is_ngff=True,
        **({"compression": packing} if compressed else {}),
    )  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_acquire_zarr(tmp_path, dtype, compressed):
    data = pixels(1, 5, 3, 2, dtype=dtype)
    acquire, array = settings(data[0], compressed)
    stream = acquire.ZarrStream(
        acquire.StreamSettings(store_path=str(tmp_path / "a.zarr"), arrays=[array])
    )
    stream.append(np.ascontiguousarray(data[0].transpose(0, 2, 1, 3, 4)))
    stream.close()
    with open_recording("a.zarr", base=tmp_path) as recording:
        info = recording.info
        assert_same_pixels(recording, data)
        assert info.notes == []
        assert info.pixel_size_um == {"y": 0.25, "x": 0.5}
        assert info.fields[0].times == [[0.0, 30.0, 60.0, 90.0, 120.0]]


def test_a_plate_by_acquire_zarr(tmp_path):
    data = pixels(3, 4, 1, 2)
    acquire, _ = settings(data[0], True)
    fields = {("B", "3"): ["f0", "f1"], ("C", "1"): ["f0"]}
    wells = [
        acquire.Well(row_name=row, column_name=column, images=[
            acquire.FieldOfView(path=name, acquisition_id=0,
                                array_settings=settings(data[0], True)[1]) for name in names
        ])
        for (row, column), names in fields.items()
    ]  # fmt: skip
    plate = acquire.Plate(
        path="plate", name="P", row_names=["B", "C"], column_names=["1", "3"], wells=wells,
        acquisitions=[acquire.Acquisition(id=0, name="a")],
    )  # fmt: skip
    stream = acquire.ZarrStream(
        acquire.StreamSettings(store_path=str(tmp_path / "p.zarr"), hcs_plates=[plate])
    )
    for key, image in zip(("B/3/f0", "B/3/f1", "C/1/f0"), data, strict=True):
        stream.append(np.ascontiguousarray(image.transpose(0, 2, 1, 3, 4)), key=f"plate/{key}")
    stream.close()
    with open_recording("p.zarr/plate", base=tmp_path) as recording:
        assert [field.name for field in recording.info.fields] == ["B3 f0", "B3 f1", "C1 f0"]
        assert_same_pixels(recording, data)
