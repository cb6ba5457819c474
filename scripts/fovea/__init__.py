"""Fovea's library: pure functions on arrays and tables, used by the scripts of the workflow."""

__version__ = "0.1.0"
