"""Fits: from the traces of a sample to kinetic parameters with uncertainties.

`models` declares the models and computes them, `solver` minimises; the modules here read merged
traces and write tables. Figures, exports and the simulation import this package.

Many functions of this package and of `fovea.figures` take the same arguments: `traces` is the
path of ``{sample}_traces.parquet``, `entry` an entry of the config's `analysis`, `column` the
feature's column in the traces, such as ``intensity_total_ch_1``. `area`, if given, maps a dataset
to the column of the area by which values are divided. `several` says whether the sample is made of
several datasets. The result does not depend on the number of `threads`.
"""
