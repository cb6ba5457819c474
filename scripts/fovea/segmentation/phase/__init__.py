"""Segmentation `phase`: every length relative to the cell's diameter.

`segment_phase` subtracts the background of a frame, and leaves the rest to one of three modes, a
module each. Their functions ``label_*(flat, cell_diameter, p, valid=None)`` take the frame without
background, (H, W) float32, the typical diameter of a cell in pixels, the mode's parameters,
relative to the diameter (`fovea.config.phase_tuning`), and which pixels were recorded, (H, W) bool,
or None for all. Other pixels hold the values of the nearest recorded ones, and are left out of
every statistic and of objects. They return labels, (H, W) int32, 0 background, in no
particular order.
"""
