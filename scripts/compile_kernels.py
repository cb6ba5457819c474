from fovea.compile_kernels import compile_kernels
from fovea.logs import job

with job(snakemake) as log:
    compile_kernels(snakemake.output.report, log=log)
