"""Tests of samples, fits, figures and what is exchanged with PyAMA."""
