"""Cells: their crops out of all channels, and their features in every frame."""
