"""Simulation: recordings with known truth, from the motion of cells to the camera's noise.

The fluorescence of the cells follows a model of `fovea.fits`. Evaluation uses simulated recordings.
"""
