"""Segmentation: from a phase-contrast frame to labels of its cells.

Imports kernels and stores; `evaluation` and `inspection` use it.
"""
