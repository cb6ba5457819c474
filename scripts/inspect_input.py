from fovea.jobs.log import job
from fovea.recordings.inspect_input import inspect_input
from fovea.runs.check_recording import check_recording

with job(snakemake) as log:
    inspect_input(snakemake.params.source, snakemake.output.metadata, log=log)
    check_recording(
        snakemake.wildcards.dataset, snakemake.config, snakemake.output.metadata, log=log
    )
