from fovea.background.photobleaching import photobleaching
from fovea.jobs.log import job
from fovea.store.groups import groups_of

with job(snakemake) as log:
    photobleaching(
        groups_of(snakemake.input.tracked)[0],
        groups_of(snakemake.input.raw),
        groups_of(snakemake.input.backgrounds),
        snakemake.output.trend,
        snakemake.output.fits,
        int(snakemake.wildcards.fov),
        snakemake.params.weight,
        snakemake.params.dark,
        snakemake.input.flat_fields,
        log=log,
    )
