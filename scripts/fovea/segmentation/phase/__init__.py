"""Segmentation `phase`: every length relative to the cell's diameter.

`segment_phase` subtracts the background of a frame, and leaves the rest to one of three modes, a
module each. Their functions ``label_*(flat, cell_diameter, p)`` take the frame without background,
(H, W) float32, the typical diameter of a cell in pixels, and the mode's parameters, relative to the
diameter (`fovea.config.phase_tuning`). They return labels, (H, W) int32, 0 background, in no
particular order.
"""
