from fovea.figures.populations import populations
from fovea.jobs.log import job

with job(snakemake) as log:
    out, params = snakemake.output, snakemake.params
    populations(
        dict(zip(params.names, snakemake.input.fits, strict=True)),
        out.table,
        out.cells,
        out.differences,
        [out.pdf, out.png],
        params.entry,
        params.column,
        params.left_out,
        log=log,
    )
