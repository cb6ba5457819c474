from fovea.inspect_input import inspect_input
from fovea.logs import job

with job(snakemake) as log:
    source, channels = snakemake.params.source, snakemake.params.channels
    inspect_input(source, snakemake.output.metadata, expected_channels=channels, log=log)
