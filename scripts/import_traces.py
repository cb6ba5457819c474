from fovea.jobs.log import job
from fovea.samples.imports.import_traces import import_traces

with job(snakemake) as log:
    import_traces(snakemake.input.traces, snakemake.output.traces, **snakemake.params, log=log)
