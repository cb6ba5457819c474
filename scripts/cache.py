from fovea.display.cache import cache
from fovea.jobs.log import job
from fovea.store.groups import groups_of

with job(snakemake) as log:
    cache(
        groups_of(snakemake.input.arrays),
        threads=snakemake.threads,
        log=log,
        drift=next(iter(snakemake.input.drift), None),
    )
