from fovea.jobs.log import job
from fovea.segmentation.prepare import prepare

with job(snakemake) as log:
    prepare(snakemake.output.prepared, snakemake.params.segmentation, log=log)
