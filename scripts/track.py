from pathlib import Path

from fovea.logs import job
from fovea.track import track

with job(snakemake) as log:
    source, target = Path(snakemake.input.group).parent, Path(snakemake.output.group).parent
    track(source, target, snakemake.params.tracking, log=log)
