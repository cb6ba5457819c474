from fovea.background.flat_field import flat_field
from fovea.jobs.log import job
from fovea.recordings.inspect_input import load_metadata

with job(snakemake) as log:
    used = snakemake.params
    flat_field(
        snakemake.output.gain,
        used.flat_field,
        int(snakemake.wildcards.fl),
        used.source,
        used.z,
        load_metadata(snakemake.input.metadata),
        next(iter(snakemake.input.image), None),
        log=log,
    )
