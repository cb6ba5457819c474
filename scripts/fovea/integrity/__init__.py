"""Whether a folder of results is as Fovea wrote it, for archives and after copying.

Imports `store` and `jobs`; only the command `fovea` imports it.
"""
