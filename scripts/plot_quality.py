from fovea.figures.quality import plot_quality
from fovea.jobs.log import job

with job(snakemake) as log:
    params = snakemake.params
    fits = dict(zip(params.names, snakemake.input.fits, strict=True))
    plot_quality(fits, snakemake.output, params.entry, params.column, params.left_out, log=log)
