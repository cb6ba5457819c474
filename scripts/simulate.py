from fovea.jobs.log import job
from fovea.simulation.simulate import simulate

with job(snakemake) as log:
    out = snakemake.output
    simulate(out.recording, out.truth, log=log, **snakemake.params.options)
