from fovea.logs import job
from fovea.overview import overview
from fovea.paths import groups_of

with job(snakemake) as log:
    overview(
        groups_of(snakemake.input.images),
        snakemake.input.traces or None,
        snakemake.output.figure,
        **snakemake.params,
        log=log,
    )
