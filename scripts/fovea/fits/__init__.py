"""Fits: from the traces of a sample to kinetic parameters with uncertainties.

`models` declares the models and computes them, `solver` minimises; the modules here read merged
traces and write tables. Figures, exports and the simulation import this package.
"""
