"""How wrong backgrounds make the light of cells: the tables of docs/algorithms.md.

    .venv/bin/python benchmarks/background_bias.py [--figures FOLDER]

The light of cells is compared with the truth of simulated recordings, pooled over all cells that do
not touch the border, and over the dimmest quarter of them. With the default number of fields it
takes some minutes on one core.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import common  # noqa: F401  first: the number of threads
import numpy as np

from fovea.background.flat_field import estimate_gain
from fovea.background.methods import METHODS, estimate_background
from support import background_bias as bias
from support.illumination import vignette

NAMES = list(METHODS)


def shown(pair: tuple[float, float]) -> str:
    """A bias pooled and, in brackets, of the dimmest quarter."""
    return "{:+.2f} % ({:+.2f} %)".format(*pair)


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def backgrounds(fields: int, figures: Path | None) -> str:
    """Bias by what the background is estimated wrongly, without the noise of the cells' light."""
    columns = [(size, method) for size in (100, 50) for method in NAMES]
    rows = []
    for kind, options in bias.KINDS.items():
        frames = list(bias.recorded(fields=fields, **options))
        row = [kind]
        for size, method in columns:
            estimate = partial(_estimated, method=method, tile_size=size)
            light, error = bias.errors(frames, estimate).T
            row.append(shown(bias.bias(light, error)))
        rows.append(row)
        if figures:
            _draw(figures / f"{kind.replace(' ', '_').replace(',', '')}.png", kind, frames[-1])
    return table(["", *(f"`{method}`, tile {size}" for size, method in columns)], rows)


def _estimated(frame, labels, **parameters) -> np.ndarray:
    return estimate_background(frame, labels, rounding_error=0.0, **parameters)[0]


def scattered(fields: int) -> str:
    """Bias of the measured light if a fifth of it is scattered over some 12 pixels."""
    frames = list(bias.recorded(fields=fields, scattered=0.2))
    apertures = (0, 5, 10, 20)
    rows = []
    for radius in (0, 10, 20, 30):
        row = [str(radius)]
        for aperture in apertures:
            light, found = bias.totals(frames, None, aperture, method="local_surface",
                                       dilation_radius=radius).T  # fmt: skip
            row.append(shown(bias.bias(light, found - light)))
        rows.append(row)
    return table(["`dilation_radius`", *(f"mask + {a} pixels" for a in apertures)], rows)


def vignetted(fields: int) -> str:
    """Bias of the measured light if the corners get 30 % less light, by how the gain is made."""
    gain = vignette((512, 512), 0.3, (0, 0)).astype(np.float32)
    rows = []
    for medium, gradient in (("even", 0.0), ("uneven by itself", 1.0)):
        frames = list(bias.recorded(fields=fields, gradient=gradient, illumination=gain))
        gains = {f"`recording`, `dark: {dark:g}`": estimate_gain([f.frame for f in frames], dark)[0]
                 for dark in (100.0, 0.0)}  # fmt: skip
        for name, used in ({"`none`": None} | gains | {"the true gain": gain}).items():
            row = [medium, name]
            for method in NAMES:
                light, found = bias.totals(frames, used, method=method).T
                row.append(shown(bias.bias(light, found - light)))
            rows.append(row)
    return table(["medium", "gain", *(f"`{method}`" for method in NAMES)], rows)


def _draw(path: Path, kind: str, here: bias.Recorded) -> None:
    """A frame, its true background, and what either method is wrong by."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    wrong = {m: _estimated(here.frame, here.labels, method=m) - here.background for m in NAMES}
    limit = max(np.abs(w).max() for w in wrong.values())
    figure, axes = plt.subplots(1, 5, figsize=(20, 4.2), constrained_layout=True)
    low, high = np.percentile(here.frame, (1, 99))
    shows = [(kind, here.frame, low, high, "gray")]
    shows += [("true background", here.background, None, None, "viridis")]
    found = _estimated(here.frame, here.labels, method="local_surface")
    shows += [("local_surface", found, here.background.min(), here.background.max(), "viridis")]
    shows += [(f"{m} less truth", w, -limit, limit, "RdBu_r") for m, w in wrong.items()]
    for ax, (title, image, vmin, vmax, colours) in zip(axes, shows, strict=True):
        drawn = ax.imshow(image, vmin=vmin, vmax=vmax, cmap=colours)
        ax.contour(here.labels > 0, [0.5], colors="k", linewidths=0.5)
        ax.set(title=title, xticks=[], yticks=[])
        figure.colorbar(drawn, ax=ax, label="counts")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=70)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=4, help="fields of view of 6 frames each")
    parser.add_argument("--figures", type=Path, help="folder for pictures of backgrounds")
    given = parser.parse_args()
    print(backgrounds(given.fields, given.figures), flush=True)
    print("\nScattered light:\n\n" + scattered(given.fields), flush=True)
    print("\nVignetting:\n\n" + vignetted(given.fields))


if __name__ == "__main__":
    main()
