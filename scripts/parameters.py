from fovea.figures.parameters import parameters
from fovea.jobs.log import job

with job(snakemake) as log:
    out, params = snakemake.output, snakemake.params
    fits = dict(zip(params.names, snakemake.input.fits, strict=True))
    parameters(
        fits, out.table, [out.pdf, out.png], params.entry, params.column, params.left_out, log=log
    )
