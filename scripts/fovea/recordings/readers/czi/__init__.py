"""Zeiss' CZI: scenes as fields of view, mosaics put together from their tiles."""
