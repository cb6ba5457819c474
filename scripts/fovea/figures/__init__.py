"""Figures for papers and for the report, each as PDF and as PNG. Imported by no stage.

Functions that draw for a rule take the same arguments, most as explained in `fovea.fits`. `targets`
are the files to write, whose suffixes say how. `fits` maps each sample to its table of fits, and
`left_out` names in words the fields of view that are missing.
"""
