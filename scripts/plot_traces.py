from fovea.figures.traces import plot_traces
from fovea.jobs.log import job

with job(snakemake) as log:
    plot_traces(snakemake.input.traces, snakemake.output, snakemake.params.columns, log=log)
