from pathlib import Path

from fovea.jobs.log import job
from fovea.samples.merge import merge

with job(snakemake) as log:
    files = snakemake.input
    merge(
        snakemake.wildcards.sample,
        files.traces,
        files.get("cells", []),
        files.get("metadata", []),
        snakemake.params.datasets,
        Path(snakemake.output.csv[0]).parent,
        files.get("curation"),
        snakemake.params.names,
        snakemake.params.left_out,
        log=log,
    )
