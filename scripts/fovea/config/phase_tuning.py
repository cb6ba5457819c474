"""Numbers of segmentation method `phase`, and their names under `tuning` in the config.

Lengths are multiples of the cell's diameter D, areas of D². `docs/algorithms.md` has the steps.
This module imports no other, because the config is checked in every job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

SMALLEST_DIAMETER = 4  # pixels
SMALLEST_FOR_NETWORK = 6  # frames are enlarged threefold for it; more would take much memory


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

    smoothing: float = 0.045  # sigma
    window: float = 0.8  # side of the square in which the brightest and darkest level are taken
    dark_level: float = 0.35  # threshold, from the brightest (0) to the darkest level around (1)
    core_level: float = 0.7  # the same for pixels that are certainly dark
    core_area: float = 0.02  # least area of such pixels in an object, before it is divided
    floor: float = 0.5  # least difference of the two, of what is usual at cells
    opening: float = 0.05  # radius
    max_hole: float = 0.1  # larger holes are not filled
    line_reach: float = 0.14  # pale lines are brighter than the pixels this far on both sides
    line_level: float = 0.08  # least height of a line at which dark pixels are cut
    line_height: float = 0.3  # height to which higher lines are lowered
    line_area: float = 0.003  # smaller pieces of lines are not cut out
    distance_sigma: float = 0.03  # of the smoothing of the distance to the edge
    marker_radius: float = 0.2  # a marker is the highest pixel within this radius
    line_step: float = 0.05  # height of a line in the watershed
    saddle: float = 0.4  # two parts are one cell where their border's score exceeds it
    line_weight: float = 4.0  # of the mean height of lines on a border, in its score
    size_weight: float = 0.45  # of the logarithm of the area of both parts, in their border's score
    small_part: float = 0.04  # smaller parts are merged with a neighbour
    ring: float = 0.12  # width of the ring around an object with which it is compared
    compactness: float = 0.7  # least area, of that of the ellipse with the same moments
    bent: float = 0.3  # the same for objects of high contrast: bent cells, or cells with a stalk
    bent_contrast: float = 0.7  # least contrast of these, of what is usual
    max_area: float = 4.0  # larger objects are removed
    least_contrast: float = 0.3  # of an object, of what is usual
    noise_level: float = 2.2  # the same, in robust standard deviations of the background
    faint: float = 2.6  # robust standard deviations by which the usual contrast must exceed
    edge_level: float = 0.5  # of edges, as dark_level, except at narrow gaps between objects
    reach: float = 0.1  # largest distance by which an edge is moved to that level
    gap: float = 0.08  # half the width of such gaps
    expand: float = 0.0  # distance of a further growth into free pixels, whatever their level
    min_area: float = 0.06  # smaller objects are removed


@dataclass(frozen=True)
class Network:
    """Textured cells, found by a network that was trained on such cells."""

    #: Part of the cells' diameter that the network is shown as that of its own cells.
    scale: ClassVar[float] = 0.7

    #: Pixels, of the cell's diameter: frames of larger cells are seen turned, too. The network sees
    #: few pixels of them, so that this takes no longer than smaller cells do.
    twice_from: float = 56.0
    level: float = 0.4  # threshold of the probability of being inside a cell
    contact_weight: float = 0.1  # of the probability of a contact, subtracted from the depth
    smoothing: float = 0.06  # sigma, of the depth
    least_depth: float = 0.6  # of the innermost pixel of a cell
    least_rise: float = 0.2  # of that pixel above the border to the next cell
    noise_level: float = 0.0  # spread of an object or its neighbour, of the ground's
    least_contrast: float = 0.0  # the same, of what is usual
    reach: float = 0.04  # largest growth of outlines when they are scaled to full size
    min_area: float = 0.12  # smaller objects are removed


@dataclass(frozen=True)
class General(Network):
    """Cells with an outline, found by a network that was trained on drawn pictures, too."""

    scale: ClassVar[float] = 1.0

    twice_from: float = 36.0
    contact_weight: float = 0.4
    smoothing: float = 0.025
    least_depth: float = 0.5
    least_rise: float = 0.25
    noise_level: float = 1.6
    least_contrast: float = 0.45
    min_area: float = 0.15


Tuning = Adherent | Dark | Network
#: Of the cells against their surroundings. Modes see frames of ``bright`` ones inverted.
CONTRASTS = ("dark", "bright")
MODES: dict[str, type] = {
    "adherent": Adherent, "network": Network, "general": General, "dark": Dark
}  # fmt: skip
#: Modes of a trained network, which sees frames resampled to one size of cells.
NETWORKS = tuple(mode for mode, kind in MODES.items() if issubclass(kind, Network))


def leaves_open(parameters: Mapping[str, Any]) -> bool:
    """Whether parameters of method `phase` leave something to be found in the recording.

    Contrast alone is found in mode dark only, which finds nothing with the wrong one.
    """
    if parameters["mode"] == "auto" or parameters["cell_diameter"] is None:
        return True
    return parameters["mode"] == "dark" and parameters["contrast"] == "auto"
