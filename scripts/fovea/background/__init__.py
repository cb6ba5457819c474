"""Background of fluorescence channels: tile medians, flat field, photobleaching.

Imports `store` and below, and `recordings` for the flat field; `cells` and `display` use it.
"""
