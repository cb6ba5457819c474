from pathlib import Path

from fovea.copy_raw import copy_raw
from fovea.inspect_input import load_metadata
from fovea.logs import job

with job(snakemake) as log:
    metadata = load_metadata(snakemake.input.metadata)
    copy_raw(
        **snakemake.params,
        target=Path(snakemake.output.root).parent,
        fov=int(snakemake.wildcards.fov),
        metadata=metadata,
        log=log,
    )
