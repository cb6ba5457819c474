from fovea.logs import job
from fovea.plots.quality import plot_quality

with job(snakemake) as log:
    params = snakemake.params
    fits = dict(zip(params.names, snakemake.input.fits, strict=True))
    plot_quality(fits, snakemake.output, params.entry, params.column, params.left_out, log=log)
