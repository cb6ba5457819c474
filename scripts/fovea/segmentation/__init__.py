"""Segmentation: labels of the cells in each phase-contrast frame.

Imports kernels and the store; evaluation, inspection and the training use it.
"""
