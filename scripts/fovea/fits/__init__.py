"""Fits: from the traces of a sample to kinetic parameters with uncertainties."""
