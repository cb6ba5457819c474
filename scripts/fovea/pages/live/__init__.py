"""The page to work in, `fovea inspect`: a Bokeh server that shows results and writes verdicts.

It reads results while they are made, and writes nothing but the curation table. Only the command
imports it, and only where somebody calls it.
"""
