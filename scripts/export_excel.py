from fovea.exports.excel import export_excel
from fovea.jobs.log import job

with job(snakemake) as log:
    tables = [*snakemake.input.merged, *snakemake.input.fits]
    export_excel(tables, snakemake.output.xlsx, snakemake.wildcards.sample, log=log)
