from pathlib import Path

from fovea.jobs.log import job
from fovea.tracking.track import track

with job(snakemake) as log:
    out, phase = snakemake.output, snakemake.input.images
    track(
        Path(snakemake.input.group[0]).parent,
        Path(out.group).parent,
        snakemake.params.tracking,
        lineage=out.lineage,
        merges=out.merges,
        drift=out.drift,
        images=Path(phase[0]).parents[1] if phase else None,
        fov=int(snakemake.wildcards.fov),
        edited=next(iter(snakemake.input.edited), None),
        dataset=snakemake.wildcards.dataset,
        log=log,
    )
