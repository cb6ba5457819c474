"""Arrays on disk: Zarr 3 written as a stream, metadata of channel groups, contrast for display.

Imports `kernels` and `jobs`; every stage uses it.
"""
