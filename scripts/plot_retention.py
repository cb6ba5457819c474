from fovea.figures.retention import plot_retention
from fovea.jobs.log import job

with job(snakemake) as log:
    cells = dict(zip(snakemake.params.names, snakemake.input.cells, strict=True))
    plot_retention(cells, snakemake.output, log=log)
