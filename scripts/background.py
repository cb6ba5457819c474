from fovea.background.background import background
from fovea.jobs.log import job
from fovea.store.groups import groups_of

with job(snakemake) as log:
    background(
        groups_of(snakemake.input.groups),
        groups_of(snakemake.output.groups),
        next(iter(groups_of(snakemake.input.labels)), None),
        snakemake.params.background,
        threads=snakemake.threads,
        log=log,
        flat_fields=snakemake.input.flat_fields,
    )
