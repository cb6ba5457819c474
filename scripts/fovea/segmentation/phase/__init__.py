"""Segmentation `phase`: every length relative to the cell's diameter.

`segment_phase` subtracts the background of a frame, and leaves the rest to one of three modes, a
module each. Their functions ``label_*(flat, cell_diameter, p)`` have in common:

Parameters
----------
flat : (H, W) float32
    Frame without background.
cell_diameter : float
    Typical diameter of a cell in pixels.
p : Adherent, Network or Dark
    Parameters of the mode relative to the diameter, see `fovea.config.phase_tuning`.

Returns
-------
(H, W) int32
    0 background; labels in no particular order.
"""
