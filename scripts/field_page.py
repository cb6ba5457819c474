from fovea.jobs.log import job
from fovea.pages.report.field_page import field_page
from fovea.store.groups import groups_of

with job(snakemake) as log:
    out, cells = snakemake.output, next(iter(snakemake.input.cells), None)
    name = f"{snakemake.wildcards.dataset}, field of view {snakemake.wildcards.fov}"
    field_page(groups_of(snakemake.input.images), cells, out.page, out.thumbnail, name, log=log)
