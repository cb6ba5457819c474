"""Simulation: recordings with known truth. Uses the models of fits; evaluation uses it."""
