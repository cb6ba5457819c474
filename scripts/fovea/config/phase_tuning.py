"""Numbers of segmentation method `phase`, and their names under `tuning` in the config.

Lengths are multiples of the cell's diameter D, areas of D². `docs/algorithms.md` has the steps.
This module imports no other, because the config is checked in every job.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST_DIAMETER = 4  # pixels
SMALLEST_FOR_NETWORK = 12  # frames are enlarged twofold for it; more would take much memory


@dataclass(frozen=True)
class Adherent:
    """Textured cells with halos."""

    texture_sigma: float = 0.0146  # of the Gaussian window of the local standard deviation
    threshold_offset: float = -0.36  # added to Otsu's threshold on the logarithm of the above
    noise_level: float = 1.2  # least distance of threshold and background, in the latter's spread
    core_contrast: float = 1.75  # logarithm above the threshold from which texture is certain
    core_area: float = 0.0175  # least area of certain texture in an object
    max_hole: float = 0.42  # larger holes are not filled
    halo_sigma: float = 0.025  # of the smoothing before bright halos are found
    halo_level: float = -0.011  # of the contrast inside the mask; brighter pixels may be halo
    halo_width: float = 0.12  # halos are removed up to this distance from the mask's edge
    trimmed_hole: float = 0.12  # larger holes are not filled after the halo is removed
    opening: float = 0.048  # radius
    erosion: float = 0.02  # radius
    ridge_sigma: float = 0.05  # of the smoothing before ridges are found
    ridge_level: float = 0.113  # of the contrast; brighter pixels are a ridge between cells
    ridge_area: float = 0.0048  # smaller ridges do not count
    ridge_hole: float = 0.024  # holes in ridges up to this area are filled
    distance_sigma: float = 0.074  # of the smoothing of the distance to the edge
    marker_radius: float = 0.27  # a marker is the highest pixel within this radius
    marker_height: float = 0.021  # least height of a marker
    ridge_step: float = 0.035  # height of a ridge in the watershed
    ridge_weight: float = 0.12  # of the share of a border on a ridge, in a border's score
    saddle: float = 0.43  # two parts are one cell where their border's score exceeds it
    small_part: float = 0.215  # smaller parts are merged with a neighbour
    min_area: float = 0.17  # smaller objects are removed


@dataclass(frozen=True)
class Dark:
    """Objects darker than their surroundings."""

    smoothing: float = 0.02  # sigma
    dark_level: float = 0.4  # threshold, from background (0) to the median of dark pixels (1)
    edge_level: float = 0.25  # the same for the edge, up to which objects grow at the end
    reach: float = 0.1  # largest distance of this growth
    expand: float = 0.0  # distance of a further growth into free pixels, whatever their level
    inner_sigma: float = 0.12  # of the difference of Gaussians that finds the cores
    outer_sigma: float = 0.4  # of the same
    core_weight: float = 0.5  # of that difference, added to the distance to the edge
    distance_sigma: float = 0.05  # of the smoothing of the distance to the edge
    marker_radius: float = 0.2  # a marker is the highest pixel within this radius
    saddle: float = 0.76  # two parts are one cell where border / lower peak exceeds it
    small_part: float = 0.15  # smaller parts are merged with a neighbour
    faint: float = 4.0  # robust standard deviations by which dark pixels must differ
    max_hole: float = 0.1  # larger holes are not filled
    min_area: float = 0.03  # smaller objects are removed


@dataclass(frozen=True)
class Network:
    """Textured cells that a trained network finds."""

    level: float = 0.4  # threshold of the probability of being inside a cell
    contact_weight: float = 0.25  # of the probability of a contact, subtracted from the depth
    smoothing: float = 0.035  # sigma, of the depth
    least_depth: float = 0.35  # of the innermost pixel of a cell
    least_rise: float = 0.15  # of that pixel above the border to the next cell
    reach: float = 0.04  # largest growth of outlines when they are scaled to full size
    min_area: float = 0.1  # smaller objects are removed


Tuning = Adherent | Dark | Network
#: Of the cells against their surroundings. Modes see frames of ``bright`` ones inverted.
CONTRASTS = ("dark", "bright")
MODES: dict[str, type] = {"adherent": Adherent, "network": Network, "dark": Dark}
