from fovea.jobs.log import job
from fovea.pages.report.fit_page import fit_page

with job(snakemake) as log:
    given, params = snakemake.input, snakemake.params
    fit_page(
        given.traces, given.fits, snakemake.output.page, params.entry, params.column, params.area,
        next(iter(given.models), None), given.tracked, log=log,
    )  # fmt: skip
