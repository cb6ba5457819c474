"""OME-Zarr 0.4 and 0.5: images, `bioformats2raw` layouts, plates."""
