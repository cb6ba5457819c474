"""A finished merge: files of traces as the steps before leave them, made without images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fovea.samples.merge import merge

FEATURES = {"pc_ch_0": ["area"], "fl_ch_1": ["intensity_total", "intensity_mean"]}
TIME = {"interval": None, "unit": "min", "mapping": None}


def metadata_text(frames: list[int], shift: float = 0.0) -> str:
    """A metadata.yaml with true times of two channels, each field of view a little later."""
    lines = ["format: test", "files: [a.tif]", "dtype: uint16", "channels: [P, G]"]
    lines += ["pixel_size_um: null", "notes: []", f"fov_count: {len(frames)}", "fields:"]
    for fov, count in enumerate(frames):
        start = shift + 7.5 * fov + 600.0 * np.arange(count) + np.arange(count) % 3
        texts = [" ".join(f"{t:.3f}" for t in start + late) for late in (0.0, 1.25)]
        lines.append(
            f"- {{name: F{fov}, height: 64, width: 64, planes: 1, frames: {count}, planned_frames: "
            f"{count}, stage_position_um: null, times: {{source: stamps, values: {texts}}}}}"
        )
    return "\n".join(lines) + "\n"


def write_field(folder: Path, dataset: str, fov: int, values: dict[int, dict[int, float]]) -> Path:
    """Write traces and cells of a field of view; `values` maps cell to frame to intensity_total."""
    place = folder / "results" / dataset / f"fov_{fov:03d}"
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{dataset}_fov_{fov:03d}_traces.csv"
    lines = ["fov,cell,frame,good,merged,position_x,position_y,bbox_x0,bbox_y0,bbox_x1,bbox_y1,"
             "area_ch_0,intensity_total_ch_1,intensity_mean_ch_1"]  # fmt: skip
    cells = ["fov,cell,first_frame,last_frame,frames,kept,reason"]
    for cell, trace in values.items():
        for frame, value in trace.items():
            text = "" if np.isnan(value) else repr(float(value))
            lines.append(f"{fov},{cell},{frame},True,False,10.5,20,5,10,17,31,{100 + frame},{text},"
                         f"{value / 100:.6g}")  # fmt: skip
        frames = sorted(trace)
        cells.append(f"{fov},{cell},{frames[0]},{frames[-1]},{len(frames)},True,")
    cells.append(f'{fov},99,0,1,2,False,"short, border"')
    path.write_text("\n".join(lines) + "\n")
    path.with_name(f"{dataset}_fov_{fov:03d}_cells.csv").write_text("\n".join(cells) + "\n")
    return path


def recording(folder: Path, dataset: str, fields: dict[int, dict], frames: int, shift=0.0) -> list:
    """Write a dataset; returns the files of traces."""
    paths = [write_field(folder, dataset, fov, values) for fov, values in fields.items()]
    count = max(fields) + 1
    (folder / "results" / dataset / "metadata.yaml").write_text(
        metadata_text([frames] * count, shift)
    )
    return paths


def merge_all(folder: Path, sample: str, paths: list[Path], times=None, **more) -> Path:
    """Merge files of traces of any datasets; returns the folder of the tables."""
    datasets = {}
    for path in paths:
        name = path.parent.parent.name
        time = TIME | (times or {}).get(name, {})
        datasets[name] = {"features": FEATURES, "time": time}
    cells = [path.with_name(path.name.replace("_traces", "_cells")) for path in paths]
    metadata = [folder / "results" / name / "metadata.yaml" for name in datasets]
    target = folder / "results" / "merged"
    merge(sample, paths, cells, metadata, datasets, target, **more)
    return target


def ramp(frames, slope: float = 10.0, start: float = 50.0) -> dict[int, float]:
    """A straight trace over some frames."""
    return {int(frame): start + slope * int(frame) for frame in frames}
