from fovea.cells.crop import crop
from fovea.jobs.log import job
from fovea.store.groups import groups_of

with job(snakemake) as log:
    crop(
        groups_of(snakemake.input.tracked)[0],
        groups_of(snakemake.input.raw),
        groups_of(snakemake.input.backgrounds),
        str(snakemake.output.cells).removesuffix("/zarr.json"),
        snakemake.params.padding,
        threads=snakemake.threads,
        log=log,
        drift=next(iter(snakemake.input.drift), None),
    )
