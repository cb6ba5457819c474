"""Tracking: from the labels of all frames to one ID per cell, with parents and stage drift."""
