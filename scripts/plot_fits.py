from fovea.figures.fits import plot_fits
from fovea.jobs.log import job

with job(snakemake) as log:
    traces, fits = snakemake.input.traces, snakemake.input.fits
    params = snakemake.params
    plot_fits(traces, fits, snakemake.output, params.entry, params.column, params.area, log=log)
