"""Simulated recordings with known truth: cells, optics, fluorescence."""
