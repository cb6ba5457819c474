"""Tracking: from the labels of all frames to one ID per cell, with parents and drift of the stage.

Imports `store`, `plugins`, `jobs` and `kernels`; `cells`, `display` and `evaluation` use it.
"""
