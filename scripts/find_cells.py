from fovea.jobs.log import job
from fovea.recordings.inspect_input import load_metadata
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
        load_metadata(snakemake.input.metadata),
        threads=snakemake.threads,
        log=log,
    )
