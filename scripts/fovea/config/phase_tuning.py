"""What segmentation `phase` derives from the cell's diameter D.

Lengths are multiples of D, areas of D². Imports nothing, so that checking a config is fast.
"""

from __future__ import annotations

from dataclasses import dataclass

SMALLEST_DIAMETER = 4  # pixels
SMALLEST_FOR_NETWORK = 12  # it sees cells twice as large then, and more would take much memory


@dataclass(frozen=True)
class Adherent:
    """Textured cells with halos, steps as in ``docs/algorithms.md``."""

    texture_sigma: float = 0.0146  # of the Gaussian window of the local standard deviation
    threshold_offset: float = -0.36  # added to Otsu's threshold on its logarithm
    noise_level: float = 1.2  # the threshold's least distance from the background, in its spread
    core_contrast: float = 1.75  # above the threshold, in the logarithm: certain texture
    core_area: float = 0.0175  # an object holds at least so much of it
    max_hole: float = 0.42
    halo_sigma: float = 0.025
    halo_level: float = -0.011  # of the contrast inside the mask; brighter pixels may be halo
    halo_width: float = 0.12  # how far inside the mask's edge halo is looked for
    trimmed_hole: float = 0.12  # holes that are filled after the halo was trimmed
    opening: float = 0.048  # radius
    erosion: float = 0.02  # radius
    ridge_sigma: float = 0.05
    ridge_level: float = 0.113  # of the contrast; brighter pixels are a ridge between cells
    ridge_area: float = 0.0048  # smaller ridges do not count
    ridge_hole: float = 0.024  # holes that a ridge may leave
    distance_sigma: float = 0.074
    marker_radius: float = 0.27  # a marker is the highest within this radius
    marker_height: float = 0.021
    ridge_step: float = 0.035  # height of a ridge in the watershed
    ridge_weight: float = 0.12  # of the share of a border on a ridge, in merging
    saddle: float = 0.43  # parts are one where their border's score exceeds it
    small_part: float = 0.215  # parts of less are merged with a neighbour
    min_area: float = 0.17


@dataclass(frozen=True)
class Dark:
    """Objects darker than their surroundings."""

    smoothing: float = 0.02  # sigma
    dark_level: float = 0.4  # threshold, from background (0) to the median of dark pixels (1)
    edge_level: float = 0.25  # the same for the edge, to which objects grow in the end
    reach: float = 0.1  # by at most so much
    expand: float = 0.0  # then they grow by so much in any case, into free pixels
    inner_sigma: float = 0.12  # of the difference of Gaussians that finds the cores
    outer_sigma: float = 0.4
    core_weight: float = 0.5  # of that difference beside the distance to the edge
    distance_sigma: float = 0.05
    marker_radius: float = 0.2
    saddle: float = 0.76  # parts are one where border / lower peak exceeds it
    small_part: float = 0.15  # parts of less are merged with a neighbour
    faint: float = 4.0  # robust standard deviations by which dark pixels must differ
    max_hole: float = 0.1
    min_area: float = 0.03


@dataclass(frozen=True)
class Network:
    """What the trained network sees as cells."""

    level: float = 0.4  # of the probability of being inside a cell
    contact_weight: float = 0.25  # of the probability of touching another, taken from the depth
    smoothing: float = 0.035  # sigma, of the depth
    least_depth: float = 0.35  # of the innermost pixel of a cell
    least_rise: float = 0.15  # of it above where its cell meets another
    reach: float = 0.04  # by so much outlines may grow to those of full size
    min_area: float = 0.1


Tuning = Adherent | Dark | Network
MODES: dict[str, type] = {"adherent": Adherent, "network": Network, "dark": Dark}
