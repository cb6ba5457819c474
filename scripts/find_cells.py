from fovea.jobs.log import job
from fovea.segmentation.phase.found import find_cells

with job(snakemake) as log:
    used = snakemake.params
    find_cells(
        used.source,
        snakemake.output.found,
        used.segmentation,
        used.channel,
        used.z,
        used.preprocess,
        threads=snakemake.threads,
        log=log,
    )
