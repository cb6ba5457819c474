from fovea.logs import job
from fovea.plots.fits import plot_fits

with job(snakemake) as log:
    traces, fits = snakemake.input.traces, snakemake.input.fits
    params = snakemake.params
    plot_fits(traces, fits, snakemake.output, params.entry, params.column, params.area, log=log)
