"""Evaluation: scores of labels and tracks against references. Imported by no stage."""
