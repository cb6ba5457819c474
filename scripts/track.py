from pathlib import Path

from fovea.jobs.log import job
from fovea.tracking.track import track

with job(snakemake) as log:
    out = snakemake.output
    track(
        Path(snakemake.input.group[0]).parent,
        Path(out.group).parent,
        snakemake.params.tracking,
        lineage=out.lineage,
        merges=out.merges,
        drift=out.drift,
        fov=int(snakemake.wildcards.fov),
        log=log,
    )
