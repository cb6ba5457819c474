from fovea.jobs.log import job
from fovea.recordings.processing_config import processing_config

with job(snakemake) as log:
    processing_config(
        snakemake.input.metadata,
        snakemake.output.config,
        snakemake.wildcards.dataset,
        snakemake.params.dataset,
        snakemake.params.parameters,
        snakemake.params.samples,
        log=log,
    )
