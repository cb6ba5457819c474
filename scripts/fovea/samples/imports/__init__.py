"""Traces and settings of other programs, PyAMA first, brought into the form of Fovea."""
