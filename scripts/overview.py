from fovea.figures.overview import overview
from fovea.jobs.log import job
from fovea.store.groups import groups_of

with job(snakemake) as log:
    overview(
        groups_of(snakemake.input.images),
        next(iter(snakemake.input.traces), None),
        snakemake.output.figure,
        **snakemake.params,
        log=log,
    )
