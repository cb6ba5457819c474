"""Samples: the traces of several fields of view merged into tables, with times and curation.

Tables are pandas data frames from here on.
"""
