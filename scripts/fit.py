from fovea.fits.fit import fit
from fovea.jobs.log import job

with job(snakemake) as log:
    params = snakemake.params
    fit(
        snakemake.input.traces,
        snakemake.output.fits,
        params.entry,
        params.column,
        params.area,
        params.several,
        threads=snakemake.threads,
        log=log,
    )
