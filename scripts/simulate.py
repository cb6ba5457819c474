from fovea.logs import job
from fovea.simulate import simulate

with job(snakemake) as log:
    out = snakemake.output
    simulate(out.recording, out.truth, log=log, **snakemake.params.options)
