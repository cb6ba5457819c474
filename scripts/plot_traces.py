from fovea.logs import job
from fovea.plots.traces import plot_traces

with job(snakemake) as log:
    plot_traces(snakemake.input.traces, snakemake.output, snakemake.params.columns, log=log)
