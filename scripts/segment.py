from pathlib import Path

from fovea.jobs.log import job
from fovea.segmentation.phase.found import resolved
from fovea.segmentation.segment import segment

with job(snakemake) as log:
    segment(
        Path(snakemake.input.group).parent,
        Path(snakemake.output.group).parent,
        resolved(snakemake.params.segmentation, next(iter(snakemake.input.found), None)),
        snakemake.params.preprocess,
        threads=snakemake.threads,
        fov=int(snakemake.wildcards.fov),
        log=log,
    )
