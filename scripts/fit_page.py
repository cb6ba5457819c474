from fovea.jobs.log import job
from fovea.pages.needs import need_bokeh

with job(snakemake) as log:
    need_bokeh()
    from fovea.pages.report.fit_page import fit_page

    given, params = snakemake.input, snakemake.params
    fit_page(
        given.traces, given.cells, given.fits, snakemake.output.page, params.entry, params.column,
        params.area, next(iter(given.models), None), given.tracked, log=log,
    )  # fmt: skip
