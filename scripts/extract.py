from fovea.extract import extract
from fovea.logs import job

with job(snakemake) as log:
    extract(
        str(snakemake.input.cells).removesuffix("/zarr.json"),
        snakemake.output.traces,
        snakemake.output.cells,
        int(snakemake.wildcards.fov),
        snakemake.params.features,
        snakemake.params.weight,
        **snakemake.params.extraction,
        log=log,
    )
