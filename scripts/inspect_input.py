from fovea.jobs.log import job
from fovea.recordings.inspect_input import inspect_input

with job(snakemake) as log:
    inspect_input(snakemake.params.source, snakemake.output.metadata, log=log)
