"""Background of fluorescence channels: tile medians, flat field, photobleaching."""
