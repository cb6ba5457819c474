"""A small finished run with a fit, for the tests of pages."""

from __future__ import annotations

from pathlib import Path

from fovea.simulation.simulate import simulate
from support.harness import dataset, snakemake, write_config

FRAMES = 8


def small_run(folder: Path) -> Path:
    """Process two simulated fields of view of 8 frames, in one sample, with one fit."""
    simulate(folder / "data" / "small.ome.tiff", folder / "truth", cells=[5, 6], fovs=2,
             frames=FRAMES, height=160, width=192, channels=1, interval=900.0)  # fmt: skip
    write_config(
        folder,
        {"small": dataset("data/small.ome.tiff", fl=(1,))},
        {"segmentation": {"method": "phase", "cell_diameter": 36, "mode": "dark"}},
        samples=[{"name": "all"}],
        analysis=[{"model": "line", "channel": 1, "feature": "intensity_total"}],
    )
    snakemake(folder)
    return folder
