"""Arrays on disk: Zarr 3 written as a stream, OME-NGFF metadata, contrast of display levels.

Imported by every stage; imports only `kernels` and `jobs`.
"""
