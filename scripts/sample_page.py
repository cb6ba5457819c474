from fovea.jobs.log import job
from fovea.pages.needs import need_bokeh

with job(snakemake) as log:
    need_bokeh()
    from fovea.pages.report.sample_page import sample_page

    given, features = snakemake.input, snakemake.params.columns
    sample_page(given.traces, given.cells, snakemake.output.page, features, given.about, log=log)
