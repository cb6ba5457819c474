from pathlib import Path

from fovea.jobs.log import job
from fovea.recordings.copy_raw import copy_raw
from fovea.recordings.inspect_input import load_metadata

with job(snakemake) as log:
    metadata = load_metadata(snakemake.input.metadata)
    copy_raw(
        **snakemake.params,
        target=Path(snakemake.output.root).parent,
        fov=int(snakemake.wildcards.fov),
        metadata=metadata,
        log=log,
    )
