from fovea.jobs.log import job
from fovea.jobs.prepare import prepare

with job(snakemake) as log:
    prepare(snakemake.output.prepared, "segmentation", snakemake.params.segmentation, log=log)
