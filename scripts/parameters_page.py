from fovea.jobs.log import job
from fovea.pages.needs import need_bokeh

with job(snakemake) as log:
    need_bokeh()
    from fovea.pages.report.parameters_page import parameters_page

    params, page = snakemake.params, snakemake.output.page
    fits = dict(zip(params.names, snakemake.input.fits, strict=True))
    parameters_page(fits, page, params.entry, params.column, params.left_out, log=log)
