"""Images of the simulated cells: phase contrast, fluorescence, background, camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fovea.simulation.cells import ANGLES, Motion

# Phase contrast, in units of the grey level of the surroundings.
LEVEL = 6000.0  # counts
WHITE_NOISE = 0.0005
GRAIN = 0.025  # standard deviation of the mottled surroundings
GRAIN_SIZE = 1.9  # px
DEPTH = 0.30  # how much darker the body is
HALO = 0.24  # how much brighter the halo is, at the edge
HALO_REACH = 15.0  # px; it fades as exp(-d / reach) (1 - d / window)
EDGE = 0.6  # px, steepness of the edge
INSET = 1.5  # px inside the outline where the body's edge lies: cells are thin at the rim
TEXTURE = 0.10
WINDOW = 24  # px around a cell in which it is rendered
# Fluorescence.
LIGHT_BLUR = 0.8  # px, sigma of the point spread function
LIGHT_TEXTURE = 0.15
SCATTER_BLUR = 12.0  # px, sigma of scattered light
# Camera of the fluorescence channels.
CAMERA_OFFSET = 100.0  # counts
GAIN = 0.6  # counts per electron
READ_NOISE = 3.0  # counts
BACKGROUND = 420.0  # counts above the camera's offset


@dataclass(frozen=True)
class View:
    """One cell in one frame: a window of pixels, which may extend beyond the frame."""

    y: int  # first row of the window
    x: int  # first column of the window
    dy: np.ndarray  # (h, 1) float32, offset of pixel centres from the cell's centre
    dx: np.ndarray  # (1, w) float32
    #: (h, w) float32, distance from the centre relative to the edge's in that direction: the cell
    #: is rho <= 1.
    rho: np.ndarray
    away: np.ndarray  # (h, w) float32, distance from the edge in pixels, negative inside

    def crop(self, frame: np.ndarray) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return the slices of `frame` (H, W) and of the window where the two overlap."""
        (h, w), (height, width) = self.rho.shape, frame.shape
        y0, x0 = max(self.y, 0), max(self.x, 0)
        y1, x1 = max(min(self.y + h, height), y0), max(min(self.x + w, width), x0)
        window = slice(y0 - self.y, y1 - self.y), slice(x0 - self.x, x1 - self.x)
        return (slice(y0, y1), slice(x0, x1)), window


def view_cell(motion: Motion, cell: int, frame: int, height: int, width: int) -> View | None:
    """Return the geometry of a cell in a frame, None where it is out of sight."""
    outline = motion.outline[cell, frame]
    cy, cx = motion.centre[cell, frame]
    half = float(outline.max()) + WINDOW
    y, x = int(np.floor(cy - half)), int(np.floor(cx - half))
    size = int(np.ceil(2 * half)) + 2
    if not motion.alive[cell, frame] or y + size <= 0 or x + size <= 0 or y >= height or x >= width:
        return None
    dy = (np.arange(y, y + size) - cy).astype(np.float32)[:, None]
    dx = (np.arange(x, x + size) - cx).astype(np.float32)[None]
    distance = np.sqrt(dy * dy + dx * dx)
    angle = (np.arctan2(dy, dx) * np.float32(ANGLES / (2 * np.pi))).astype(np.int32) % ANGLES
    # The edge is oblique to the line from the centre where the radius changes with the angle.
    slope = (np.roll(outline, -1) - np.roll(outline, 1)) * np.float32(ANGLES / (4 * np.pi))
    cosine = outline / np.hypot(outline, slope)
    edge = outline[angle]
    return View(y, x, dy, dx, distance / edge, (distance - edge) * cosine[angle])


def make_texture(rng: np.random.Generator, size: int = 512) -> np.ndarray:
    """Return a granular pattern, (size, size) float32, mean 0, standard deviation 1."""
    from scipy import ndimage

    noise = rng.standard_normal((size, size), dtype=np.float32)
    fine = ndimage.gaussian_filter(noise, 0.9, mode="wrap")
    coarse = ndimage.gaussian_filter(noise, 2.5, mode="wrap")
    grains = np.where(rng.random((size, size)) < 0.006, -1.0, 0.0)
    grains += np.where(rng.random((size, size)) < 0.002, 1.5, 0.0)
    spots = ndimage.gaussian_filter(grains.astype(np.float32), 1.1, mode="wrap")
    texture = fine / fine.std() + coarse / coarse.std() + 1.2 * spots / spots.std()
    texture -= texture.mean()
    return texture / texture.std()


class Appearance:
    """Appearance of single cells: their piece of texture, contrast, nucleus and nucleoli."""

    def __init__(self, rng: np.random.Generator, cells: int):
        self.texture = make_texture(rng)
        self.origin = rng.uniform(0, 300, (cells, 2, 2))
        self.turn = rng.uniform(0, 2 * np.pi, (cells, 3))
        self.contrast = rng.uniform(0.8, 1.15, cells)
        self.nucleus = rng.uniform(0.36, 0.44, cells)

    def pattern(self, view: View, cell: int, hours: float) -> np.ndarray:
        """Return the cell's texture, (h, w) float32; it moves with the cell and changes slowly."""
        phase = self.turn[cell, 0] + 0.5 * hours
        first, second = (self._patch(view, origin) for origin in self.origin[cell])
        return np.float32(np.cos(phase)) * first + np.float32(np.sin(phase)) * second

    def _patch(self, view, origin):
        """Sample the texture bilinearly at a position that is fixed to the cell."""
        h, w = view.rho.shape
        y, x = origin[0] + view.dy[0, 0] + 64, origin[1] + view.dx[0, 0] + 64
        iy, ix = int(y), int(x)
        fy, fx = np.float32(y - iy), np.float32(x - ix)
        piece = self.texture[iy : iy + h + 1, ix : ix + w + 1]
        rows = (1 - fy) * piece[:-1] + fy * piece[1:]
        return (1 - fx) * rows[:, :-1] + fx * rows[:, 1:]


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def render_phase(view: View, pattern, appearance: Appearance, cell, hours, rounded) -> np.ndarray:
    """Return a cell's relative contrast in phase contrast, (h, w) float32.

    The body is dark and granular, with a smoother nucleus; just outside its edge lies a bright
    halo that fades outwards, and from the edge inwards the body becomes less dark (shade-off).
    """
    away = view.away
    body = _sigmoid((-INSET - away) / np.float32(EDGE))
    inside = np.minimum(away, 0)
    shade = 0.72 + 0.28 * np.exp(inside / np.float32(5.0))
    out = np.maximum(away + np.float32(INSET), 0)
    fading = np.exp(-out / np.float32(HALO_REACH)) * np.maximum(1 - out / np.float32(WINDOW), 0)
    halo = np.float32(HALO) * (1 - body) * fading
    # The nucleus moves a little around the middle of the cell.
    radius = float(np.sqrt((view.rho <= 1).sum() / np.pi))
    turn = appearance.turn[cell]
    ny, nx = (0.16 * radius * f(turn[1] + 0.12 * hours) for f in (np.sin, np.cos))
    size = radius * appearance.nucleus[cell]
    to_nucleus = np.sqrt((view.dy - np.float32(ny)) ** 2 + (view.dx - np.float32(nx)) ** 2)
    nucleus = _sigmoid((np.float32(size) - to_nucleus) / np.float32(1.2))
    rim = np.exp(-(((to_nucleus - np.float32(size)) / np.float32(1.5)) ** 2))
    grey = shade * (1 - 0.3 * nucleus) + 0.22 * rim
    for k in (-1, 1):
        sy, sx = (k * 0.4 * size * f(turn[2] + 0.2 * hours) for f in (np.sin, np.cos))
        spot = (view.dy - np.float32(ny + sy)) ** 2 + (view.dx - np.float32(nx + sx)) ** 2
        grey = grey + 0.45 * np.exp(-spot / np.float32(3.5))
    granular = np.float32(TEXTURE) * pattern * (1 - 0.7 * nucleus)
    contrast = np.float32(appearance.contrast[cell])
    dark = body * (granular - np.float32(DEPTH) * grey)
    return contrast * (dark + np.float32(1 + 0.9 * rounded) * halo)


def render_light(
    view: View, mask: np.ndarray, pattern: np.ndarray, scattered: float = 0.0
) -> np.ndarray:
    """Return the distribution of a cell's light, (h, w) float32, its sum over `mask` being 1.

    It is proportional to the cell's thickness, with some texture, and blurred by the point spread
    function: about 0.1 % of it lies outside the mask. Of that light the share `scattered` is then
    spread by a Gaussian of a standard deviation of 12 pixels, also out of the mask.
    """
    from scipy import ndimage

    thickness = np.where(mask, np.maximum(1 - view.rho**2, 0), 0) ** np.float32(1.25)
    light = thickness * np.maximum(1 + np.float32(LIGHT_TEXTURE) * pattern, 0.1)
    light = ndimage.gaussian_filter(light, LIGHT_BLUR, mode="constant", truncate=3.0)
    light = light / light[mask].sum(dtype=np.float64).astype(np.float32)
    if scattered:
        wide = ndimage.gaussian_filter(light, SCATTER_BLUR, mode="constant", truncate=2.0)
        light = (1 - np.float32(scattered)) * light + np.float32(scattered) * wide
    return light


class Slide:
    """Surroundings of the cells in phase contrast.

    Grain on the slide, which changes within hours; specks of dust out of focus; and a weak
    gradient of illumination.
    """

    def __init__(self, rng: np.random.Generator, height: int, width: int):
        self.grain = [_make_grain(rng, height, width) for _ in range(2)]
        self.dust = _make_dust(rng, height, width)
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None]
        tilt = rng.uniform(-0.05, 0.05, 2).astype(np.float32)
        self.light = tilt[0] * y + tilt[1] * x - np.float32(0.04) * (y * y + x * x)

    def render(self, hours: float, jump: np.ndarray) -> np.ndarray:
        """Return the relative contrast, (H, W) float32, with the slide shifted by `jump` y, x."""
        turn = 0.4 * hours
        first, second = self.grain
        frame = np.float32(np.cos(turn)) * first
        frame += np.float32(np.sin(turn)) * second
        frame += self.dust
        if jump.any():
            frame = np.roll(frame, jump.astype(int), axis=(0, 1))
        frame += self.light
        return frame


def _make_grain(rng, height, width):
    from scipy import ndimage

    noise = rng.standard_normal((height, width), dtype=np.float32)
    grain = ndimage.gaussian_filter(noise, GRAIN_SIZE, mode="wrap", truncate=3.0)
    # A Gaussian of sigma s leaves 1 / (2 s sqrt(pi)) of the standard deviation of white noise.
    return grain * np.float32(GRAIN * 2 * GRAIN_SIZE * np.sqrt(np.pi))


def _make_dust(rng, height, width):
    dust = np.zeros((height, width), np.float32)
    for _ in range(rng.poisson(10 * height * width / 512**2)):
        cy, cx = rng.uniform(0, (height, width))
        ring, strength = rng.uniform(6, 10), rng.uniform(0.03, 0.06)
        rows = np.arange(max(int(cy) - 20, 0), min(int(cy) + 21, height))[:, None]
        columns = np.arange(max(int(cx) - 20, 0), min(int(cx) + 21, width))[None]
        distance = np.hypot(rows - cy, columns - cx)
        spot = np.cos(np.pi * distance / ring) * np.exp(-((distance / ring) ** 2))
        dust[rows, columns] += (strength * spot).astype(np.float32)
    return dust


class Background:
    """The background of a fluorescence channel: b(y, x) = rows(y) + columns(x) in each frame.

    Uneven illumination whose centre and strength drift slowly.
    """

    def __init__(self, rng: np.random.Generator, height: int, width: int):
        self.size = height, width
        self.level = BACKGROUND * rng.uniform(0.85, 1.15)
        self.bulge = rng.uniform(0.05, 0.09)
        self.tilt = rng.uniform(-0.10, 0.10, 2)
        self.phase = rng.uniform(0, 2 * np.pi, 3)

    def profiles(self, hours: float) -> tuple[np.ndarray, np.ndarray]:
        """Return rows (H,) and columns (W,), float32 counts, camera offset included."""
        strength = self.level * (1 + 0.06 * np.sin(self.phase[0] + hours / 5))
        middle = 0.2 * np.sin(self.phase[1:] + hours / 8)
        parts = []
        for n, tilt, centre in zip(self.size, self.tilt, middle, strict=True):
            u = (2 * np.arange(n) + 1 - n) / n
            parts.append(strength * (0.5 + tilt * u - self.bulge * (u - centre) ** 2))
        return (parts[0] + CAMERA_OFFSET).astype(np.float32), parts[1].astype(np.float32)


def expose(rng: np.random.Generator, signal: np.ndarray) -> np.ndarray:
    """Return what the camera reads, uint16, of noise-free counts `signal` (H, W) float32."""
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    electrons = np.maximum(signal - np.float32(CAMERA_OFFSET), 0)
    noise *= np.sqrt(np.float32(GAIN) * electrons + np.float32(READ_NOISE**2))
    noise += signal
    return np.clip(np.rint(noise, out=noise), 0, 65535).astype(np.uint16)


def expose_phase(rng: np.random.Generator, contrast: np.ndarray) -> np.ndarray:
    """Return a phase-contrast frame, uint16, of relative contrast (H, W) float32."""
    noise = rng.standard_normal(contrast.shape, dtype=np.float32)
    noise *= np.float32(WHITE_NOISE)
    noise += contrast
    noise += 1
    noise *= np.float32(LEVEL)
    return np.clip(np.rint(noise, out=noise), 0, 65535).astype(np.uint16)
