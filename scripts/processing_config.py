from fovea.jobs.log import job
from fovea.recordings.processing_config import processing_config
from fovea.runs.check_recording import check_recording

with job(snakemake) as log:
    name, metadata = snakemake.wildcards.dataset, snakemake.input.metadata
    params, curation = snakemake.params, next(iter(snakemake.input.curation), None)
    check_recording(name, params.dataset, params.samples, metadata, curation, params.names, log)
    processing_config(metadata, snakemake.output.config, params.dataset, params.parameters, log)
