"""Segmentation `phase`: every length relative to the cell's diameter; one module for each mode."""
