"""Exports: samples in the file formats of other tools.

Apart from `samples`, because an export holds the results of `fits`, which are made of samples.
"""
