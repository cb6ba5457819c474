from pathlib import Path

from fovea.config.paths import Paths
from fovea.jobs.log import job
from fovea.samples.merge import merge

with job(snakemake) as log:
    files = snakemake.input
    folder = Path(snakemake.output.csv[0]).parent
    merge(
        snakemake.wildcards.sample,
        files.traces,
        files.get("cells", []),
        files.get("metadata", []),
        snakemake.params.datasets,
        folder,
        files.get("curation"),
        snakemake.params.names,
        snakemake.params.left_out,
        Paths.of(snakemake.config).SEEN,
        snakemake.params.made_with,
        snakemake.params.derived,
        log=log,
    )
