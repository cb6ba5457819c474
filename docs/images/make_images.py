"""Draw the small pictures of the documentation: what segmentation finds in several kinds of cells.

    PYTHONPATH=scripts python docs/images/make_images.py DATA

DATA is a folder with the recordings that docs/accuracy.md names, and with the recording of the
demo. Each picture is a part of one frame with the outlines of the objects found in it, written
beside this script.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from skimage.segmentation import find_boundaries

from fovea.plugins.registry import SEGMENTATION, load

HERE = Path(__file__).resolve().parent
ORANGE = (255, 110, 20)
SIDE = 220  # pixels of each picture

#: Picture: file, frame, first row and column, side in the frame, parameters of method phase.
PICTURES = {
    "t98g": ("t98g_annotated/set45.ome.tiff", 0, 400, 300, 220,
             {"mode": "network", "cell_diameter": 60}),
    "ecoli": ("ecoli_colony.ome.tiff", 19, 85, 60, 275,
              {"mode": "dark", "cell_diameter": 40}),
    "c2c12": ("c2c12_phase.ome.tiff", 0, 90, 90, 110,
              {"mode": "general", "cell_diameter": 13.1}),
    "yeast": ("yeast_brightfield.ome.tiff", 9, 475, 465, 110,
              {"mode": "general", "contrast": "bright", "cell_diameter": 9.4}),
    "demo": ("demo.ome.tiff", 24, 150, 150, 220,
             {"mode": "dark", "cell_diameter": 36, "tuning": {"expand": 0.05}}),
}  # fmt: skip


def first_channel(path: Path, frame: int) -> np.ndarray:
    """One frame of phase contrast, (H, W) uint16, of the first position."""
    frames = tifffile.imread(path)
    if frames.ndim == 5:
        frames = frames[0]
    if frames.ndim == 4:
        frames = frames[:, 0]
    if frames.ndim == 2:
        frames = frames[None]
    return frames[frame].astype(np.uint16)


def picture(frame: np.ndarray, labels: np.ndarray, row: int, column: int, side: int) -> Image.Image:
    """A square part of a frame, enlarged by a whole factor, with the objects' outlines on it."""
    factor = max(1, round(SIDE / side))
    part = (slice(row, row + side), slice(column, column + side))
    low, high = np.percentile(frame, (0.5, 99.5))
    grey = np.clip((frame[part] - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)
    large = np.kron(labels[part], np.ones((factor, factor), labels.dtype))
    rgb = np.array(Image.fromarray(grey).resize(large.shape[::-1], Image.Resampling.BICUBIC))
    rgb = np.repeat(rgb[..., None], 3, axis=2)
    rgb[find_boundaries(large, mode="inner")] = ORANGE
    return Image.fromarray(rgb).quantize(64, dither=Image.Dither.NONE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with the recordings")
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(PICTURES)}; without: all")
    given = parser.parse_args()
    for name in given.names or PICTURES:
        file, frame, row, column, side, options = PICTURES[name]
        image = first_channel(given.data / file, frame)
        labels = load(SEGMENTATION, "phase")(image, **options)
        target = HERE / f"cells_{name}.png"
        picture(image, labels, row, column, side).save(target, optimize=True)
        print(target.name, image.shape, int(labels.max()), "objects,", target.stat().st_size)


if __name__ == "__main__":
    main()
