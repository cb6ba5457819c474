"""TIFF of every kind: OME-TIFF in one or several files, ImageJ hyperstacks, plain stacks."""
