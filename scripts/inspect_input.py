from fovea.jobs.log import job
from fovea.recordings.inspect_input import inspect_input

with job(snakemake) as log:
    source, channels = snakemake.params.source, snakemake.params.channels
    inspect_input(source, snakemake.output.metadata, expected_channels=channels, log=log)
