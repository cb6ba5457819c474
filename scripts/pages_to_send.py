from fovea.config.plan import Plan
from fovea.jobs.log import job
from fovea.pages.report.to_send import to_send
from fovea.runs.failed_fields import left_out_now

with job(snakemake) as log:
    plan = Plan(snakemake.config, *left_out_now())
    to_send(plan, snakemake.input.pages, snakemake.output.pages, log=log)
