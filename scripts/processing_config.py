from fovea.jobs.log import job
from fovea.recordings.processing_config import processing_config
from fovea.runs.check_recording import check_recording

with job(snakemake) as log:
    metadata, params = snakemake.input.metadata, snakemake.params
    check_recording(snakemake.wildcards.dataset, snakemake.config, metadata, log=log)
    processing_config(metadata, snakemake.output.config, params.dataset, params.parameters, log)
