from fovea.fits.compare import compare
from fovea.jobs.log import job

with job(snakemake) as log:
    fits = dict(zip(snakemake.params.names, snakemake.input.fits, strict=True))
    compare(fits, snakemake.output.table, log=log)
