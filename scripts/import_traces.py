from fovea.import_traces import import_traces
from fovea.logs import job

with job(snakemake) as log:
    import_traces(snakemake.input.traces, snakemake.output.traces, **snakemake.params, log=log)
