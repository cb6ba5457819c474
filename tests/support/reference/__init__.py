"""Plain versions of the algorithms of docs/algorithms.md, for the tests and the benchmark.

Written from that page with numpy, scipy and scikit-image only, to be obviously right and not to
be fast. Nothing here imports `fovea`.
"""
