"""Bounded least squares for many traces at once: starts, steps, uncertainties."""
