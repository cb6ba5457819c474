from fovea.logs import job
from fovea.plots.retention import plot_retention

with job(snakemake) as log:
    cells = dict(zip(snakemake.params.names, snakemake.input.cells, strict=True))
    plot_retention(cells, snakemake.output, log=log)
