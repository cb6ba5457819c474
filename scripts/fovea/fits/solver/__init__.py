"""Bounded least squares for many traces at once: starting points, minimisation, uncertainties."""
