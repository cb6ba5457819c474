"""Runs as a whole: the state of each field of view, failed ones, kernels compiled beforehand."""
