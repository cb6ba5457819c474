"""Movies of a field of view or of one cell: outlines, IDs, time and a scale bar over the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from fovea.errors import FoveaError
from fovea.exports.fields import Field, Tracks, read_tracks
from fovea.exports.needs import need
from fovea.jobs.atomic import whole_file
from fovea.store.reader import ArrayReader

#: Okabe and Ito's colours, as far as they stand out from grey.
COLOURS = np.array([(86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0),
                    (240, 228, 66)], np.uint8)  # fmt: skip
WHITE = (255, 255, 255)
_LEAST, _MOST = 480, 1024  # pixels of the longer side of a picture
_AROUND = 1.0  # sizes of the cell's largest box that a movie of a cell shows around it


@dataclass(frozen=True)
class View:
    """How frames become pictures: each pixel is `enlarged` times as large, or one in `every`."""

    height: int
    width: int
    enlarged: int
    every: int

    @classmethod
    def of(cls, height: int, width: int) -> View:
        """Choose by the size of the frames, so that text can be read and files stay small."""
        longer = max(height, width)
        return cls(height, width, max(1, _LEAST // longer), -(-longer // _MOST))

    def picture(self, frame: np.ndarray) -> np.ndarray:
        """Enlarge a frame (H, W), or take every n-th pixel of it; sides are even, as MP4 wants."""
        small = frame[:: self.every, :: self.every]
        found = small.repeat(self.enlarged, axis=0).repeat(self.enlarged, axis=1)
        return np.pad(found, [(0, side % 2) for side in found.shape])

    def place(self, y: float, x: float) -> tuple[float, float]:
        """Where a pixel of a frame is in the picture: x, y."""
        factor = self.enlarged / self.every
        return (x + 0.5) * factor, (y + 0.5) * factor


def export_movie(
    field: Field,
    target: str | Path,
    cell: int | None = None,
    channel: int | None = None,
    frames_per_second: float = 7.0,
) -> int:
    """Write a movie, MP4 (H.264) or GIF by the suffix of the target; return its number of frames.

    Parameters
    ----------
    field : Field
    target : path
        ``.mp4`` or ``.gif``.
    cell : int, optional
        Follow this cell, from its first to its last frame; the whole field of view without it.
    channel : int, optional
        Index of the channel to show; phase contrast without it. Contrast is that of its display
        limits, the 1st and 99th percentile of all frames.
    frames_per_second : float

    Raises
    ------
    FoveaError
        If the suffix, the channel or the cell is unknown, if imageio-ffmpeg, which MP4 needs, is
        not installed, or if the results are damaged.
    """
    target = Path(target)
    if target.suffix.lower() not in (".mp4", ".gif"):
        raise FoveaError(f"{target}: movies are .mp4 or .gif; name such a file with --output")
    group = field.raw(channel)
    tracks = read_tracks(field)
    if cell is not None and cell not in tracks.cell:
        raise FoveaError(
            f"--cell {cell}: {field.name} has no cell of this number; its table _cells.csv has all"
        )
    write = _write_gif if target.suffix.lower() == ".gif" else _write_mp4
    with whole_file(target) as temporary:
        return write(temporary, _pictures(field, tracks, cell, group), frames_per_second)


def _pictures(field: Field, tracks: Tracks, cell: int | None, group: Path) -> Iterator[np.ndarray]:
    """Yield the frames of the movie, (h, w, 3) uint8."""
    cut, steps, size = _whole(tracks) if cell is None else _around(tracks, cell)
    view = View.of(*size)
    um = field.pixel_size_um[1] if field.pixel_size_um else None
    with ArrayReader(group / "0") as images, ArrayReader(field.group("seg_tracked") / "0") as ids:
        limits = images.attributes["fovea"]["display_limits"]
        for t in steps:
            here = tracks.frame == t
            y, x = cut(t)
            places = {
                number: view.place(cy - y, cx - x)
                for number, (cy, cx) in zip(
                    tracks.cell[here].tolist(), tracks.position[here].tolist(), strict=True
                )
            }
            picture = drawn(
                window(images[t], y, x, size), window(ids[t], y, x, size), limits, view, cell
            )
            text = time_text(t, field.times)
            text += f"   {group.name}" + ("" if t not in images.missing else ": not recorded")
            yield written(picture, places if cell is None else {}, text, bar(view, um))


def _whole(tracks: Tracks) -> tuple[Callable, range, tuple[int, int]]:
    """Return where the picture begins in a frame, the frames, and height and width: all of it."""
    frames, height, width = tracks.shape
    return (lambda t: (0, 0)), range(frames), (height, width)


def _around(tracks: Tracks, cell: int) -> tuple[Callable, range, tuple[int, int]]:
    """Return the same for a window that follows a cell; where it is missed, the window waits."""
    mine = np.flatnonzero(tracks.cell == cell)
    frames, boxes = tracks.frame[mine], tracks.boxes[mine]
    side = int((boxes[:, 2:] - boxes[:, :2]).max() * (1 + 2 * _AROUND))
    centres = np.rint(tracks.position[mine]).astype(int)

    def cut(t: int) -> tuple[int, int]:
        y, x = centres[np.searchsorted(frames, t, "right") - 1].tolist()
        return y - side // 2, x - side // 2

    return cut, range(int(frames[0]), int(frames[-1]) + 1), (side, side)


def window(frame: np.ndarray, y: int, x: int, size: tuple[int, int]) -> np.ndarray:
    """Cut (h, w) out of a frame (H, W), from y, x on; 0 beyond its borders."""
    out = np.zeros(size, frame.dtype)
    top, left = max(0, y), max(0, x)
    part = frame[top : max(0, y + size[0]), left : max(0, x + size[1])]
    out[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]] = part
    return out


def drawn(
    image: np.ndarray, ids: np.ndarray, limits: tuple[float, float], view: View,
    cell: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Draw a frame with outlines.

    Parameters
    ----------
    image, ids : (H, W) unsigned integer
        Counts, and IDs of cells.
    limits : (float, float)
        Counts that are black and white.
    view : View
    cell : int, optional
        The only cell that has an outline in colour; those of others are grey.

    Returns
    -------
    (h, w, 3) uint8
        An outline is one pixel of the picture wide, and lies in the cell.
    """
    low, high = limits
    grey = (image.astype(np.float32) - low) * (255 / max(high - low, 1e-9))
    picture = view.picture(np.clip(np.rint(grey), 0, 255).astype(np.uint8))
    labels = view.picture(ids)
    padded = np.pad(labels, 1, mode="edge")
    edge = np.zeros(labels.shape, bool)
    for part in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        edge |= part != labels
    edge &= labels > 0
    colours = COLOURS[labels[edge] % len(COLOURS)]
    if cell is not None:
        colours[labels[edge] != cell] = 128
    out = np.repeat(picture[..., None], 3, axis=2)
    out[edge] = colours
    return out


def time_text(frame: int, times: np.ndarray | None) -> str:
    """Return the time of a frame as hours, minutes and seconds since the first; or its number."""
    if times is None:
        return f"frame {frame}"
    seconds = round(float(times[frame] - times[0]))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d} h"


def bar(view: View, um: float | None) -> tuple[float, str]:
    """Return the length of the scale bar in pixels of the picture, and what stands at it.

    It is 1, 2 or 5 times a power of ten, in micrometers or, where `um`, the width of a pixel, is
    not known, in pixels; at most a quarter of the picture's width.
    """
    unit = um or 1.0
    most = view.width * unit / 4
    power = 10.0 ** np.floor(np.log10(most))
    length = max(step * power for step in (1, 2, 5) if step * power <= most)
    return float(length / unit * view.enlarged / view.every), f"{length:g} {'µm' if um else 'px'}"


def written(
    picture: np.ndarray, names: dict[int, tuple[float, float]], text: str,
    scale: tuple[float, str],
) -> np.ndarray:  # fmt: skip
    """Write IDs at their places, the time at the top, and the scale bar at the bottom right."""
    from matplotlib import get_data_path
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(picture)
    width, height = image.size
    draw = ImageDraw.Draw(image)
    size = max(11, max(width, height) // 45)
    font = ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)
    edge = {"stroke_width": max(1, size // 10), "stroke_fill": (0, 0, 0)}
    for number, place in names.items():
        colour = tuple(COLOURS[number % len(COLOURS)].tolist())
        draw.text(place, str(number), fill=colour, font=font, anchor="mm", **edge)
    draw.text((size // 2, size // 2), text, fill=WHITE, font=font, **edge)
    length, label = scale
    right, bottom = width - size, height - size
    draw.rectangle((right - round(length) + 1, bottom - size // 3, right, bottom), fill=WHITE,
                   outline=(0, 0, 0))  # fmt: skip
    draw.text((right - length / 2, bottom - size // 2), label, fill=WHITE, font=font, anchor="ms",
              **edge)  # fmt: skip
    return np.asarray(image)


def _write_mp4(path: Path, pictures: Iterator[np.ndarray], rate: float) -> int:
    need("imageio_ffmpeg", "imageio-ffmpeg")
    import imageio_ffmpeg

    first = next(pictures)
    # One thread and no dates, so that the same results give the same bytes.
    options = ["-crf", "18", "-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
               "-f", "mp4"]  # fmt: skip
    height, width = first.shape[:2]
    out = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=rate, codec="libx264", pix_fmt_out="yuv420p", quality=None,
        macro_block_size=2, output_params=options, ffmpeg_log_level="error",
    )  # fmt: skip
    out.send(None)
    count = 0
    try:
        for picture in chain([first], pictures):
            out.send(np.ascontiguousarray(picture))
            count += 1
    finally:
        out.close()
    return count


def _write_gif(path: Path, pictures: Iterator[np.ndarray], rate: float) -> int:
    from PIL import Image

    count = 0

    def images() -> Iterator[Image.Image]:
        nonlocal count
        for picture in pictures:
            count += 1
            yield Image.fromarray(picture).quantize(256, dither=Image.Dither.NONE)

    frames = images()
    first = next(frames)
    first.save(path, format="GIF", save_all=True, append_images=frames, loop=0,
               duration=max(20, round(1000 / rate)))  # fmt: skip
    return count
