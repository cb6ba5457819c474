"""What a microscope shows of transparent cells: phase contrast and bright field, by wave optics.

Cells delay light by their thickness times the difference of refractive indices. The delayed wave
is imaged through a lens of limited aperture. In phase contrast the undiffracted part is taken to be
what a narrow ring passes; it is shifted by a quarter of a wave and dimmed, which makes cells dark,
with bright halos and paler middles, because the ring also passes some of the cells' own light
(Zernike 1942, Physica 9, 686). In bright field cells are seen by their edges, and out of focus as
lenses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_WAVELENGTH = 0.55  # micrometers


@dataclass(frozen=True)
class Optics:
    """A microscope and its camera; lengths in micrometers."""

    pixel: float  # size in the specimen
    aperture: float = 1.25  # numerical
    ring: float | None = 0.3  # reach of the phase ring in cycles per micrometer; None: bright field
    dim: float = 0.55  # amplitude of undiffracted light behind the ring
    focus: float = 0.0  # distance of the cells from the focal plane
    level: float = 6000.0  # counts of the empty slide
    electrons: float = 0.5  # per count
    uneven: float = 0.12  # how much darker than the middle the corners are
    dust: float = 20.0  # specks per megapixel


def photograph(rng: np.random.Generator, delay: np.ndarray, optics: Optics) -> np.ndarray:
    """Take a picture of cells.

    Parameters
    ----------
    rng : Generator
        Of noise, dust and the place of the light.
    delay : (H, W) float32
        Thickness times difference of refractive indices, micrometers.
    optics : Optics
        The microscope.

    Returns
    -------
    (H, W) uint16
        Counts.
    """
    margin = 32  # pixels, so that what leaves at one side does not come in at the other
    phase = 2 * np.pi / _WAVELENGTH * np.pad(delay.astype(float), margin, mode="reflect")
    phase += _dust(rng, phase.shape, optics)
    spectrum = np.fft.fft2(np.exp(1j * phase))
    fy, fx = (np.fft.fftfreq(n, optics.pixel) for n in phase.shape)
    frequency = np.hypot(fy[:, None], fx[None])
    edge = optics.aperture / _WAVELENGTH
    pupil = 1 / (1 + np.exp((frequency - edge) / (0.03 * edge)))
    pupil = pupil * np.exp(-1j * np.pi * _WAVELENGTH * optics.focus * frequency**2)
    # Light comes from a cone, which washes out what a point source would show far out of focus.
    pupil = pupil * np.exp(-((0.35 * optics.focus * frequency) ** 2))
    if optics.ring is not None:
        passed = np.exp(-((frequency / optics.ring) ** 2))
        pupil = pupil * (1 - passed * (1 + 1j * optics.dim))
    seen = np.abs(np.fft.ifft2(spectrum * pupil)) ** 2
    inner = (slice(margin, -margin),) * 2
    empty = optics.dim**2 if optics.ring is not None else 1.0
    light = seen[inner] / empty * _illumination(rng, delay.shape, optics.uneven)
    electrons = rng.poisson(np.clip(light, 0, 10) * optics.level * optics.electrons)
    counts = electrons / optics.electrons + rng.normal(100, 5, light.shape)
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


def _illumination(rng: np.random.Generator, shape: tuple[int, int], uneven: float) -> np.ndarray:
    """Return the light on the slide, 1 where it is brightest."""
    centre = rng.uniform(-0.3, 0.3, 2)
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return 1 - uneven / 2 * ((y[:, None] - centre[0]) ** 2 + (x[None] - centre[1]) ** 2)


def _dust(rng: np.random.Generator, shape: tuple[int, int], optics: Optics) -> np.ndarray:
    """Return the phase shift of specks on the slide, and of its slightly rough surface."""
    from scipy.ndimage import gaussian_filter

    rough = gaussian_filter(rng.normal(size=shape), 0.25 / optics.pixel, mode="wrap")
    phase = 0.02 * rough / rough.std()
    specks = np.zeros(shape)
    count = rng.poisson(optics.dust * phase.size / 1e6)
    specks[rng.integers(0, shape[0], count), rng.integers(0, shape[1], count)] = 1
    size = 0.3 / optics.pixel
    return phase + 0.5 * 2 * np.pi * size**2 * gaussian_filter(specks, size, mode="constant")
