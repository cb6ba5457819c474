from fovea.fits.share import share
from fovea.jobs.log import job

with job(snakemake) as log:
    params = snakemake.params
    share(
        snakemake.input.traces,
        snakemake.output.table,
        snakemake.output.fits,
        params.entry,
        params.column,
        params.area,
        params.several,
        threads=snakemake.threads,
        log=log,
    )
