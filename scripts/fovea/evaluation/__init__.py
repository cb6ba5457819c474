"""Evaluation: scores of labels and tracks against references, and figures of the worst cells.

Runs segmentation and tracking on annotated and simulated recordings; no stage imports it.
"""
