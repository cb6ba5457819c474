from fovea.analysis.compare import compare
from fovea.logs import job

with job(snakemake) as log:
    fits = dict(zip(snakemake.params.names, snakemake.input.fits, strict=True))
    compare(fits, snakemake.output.table, log=log)
