from fovea.background.gains import channels_of
from fovea.cells.extract import extract
from fovea.jobs.log import job
from fovea.segmentation.phase.found import resolved

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
        cell_diameter=resolved(
            {"cell_diameter": snakemake.params.diameter}, next(iter(snakemake.input.found), None)
        )["cell_diameter"],
        flat_fields=channels_of(snakemake.input.flat_fields),
        merges=snakemake.input.merges,
        lineage=snakemake.input.lineage,
    )
