"""Static pages: one of a run, one of each field of view, sample and fit; they need no network."""
