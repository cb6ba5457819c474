from fovea.figures.aligned import aligned
from fovea.jobs.log import job

with job(snakemake) as log:
    given, out, params = snakemake.input, snakemake.output, snakemake.params
    aligned(
        dict(zip(params.names, given.traces, strict=True)),
        out.table,
        out.events,
        [out.pdf, out.png],
        params.entry,
        params.column,
        given.get("lineages", []),
        given.get("metadata", []),
        params.left_out,
        log=log,
    )
