"""Cells: their crops out of all channels, and their features in every frame.

Imports `tracking`, `background`, `store` and below; `samples` reads the tables that are written.
"""
