from fovea.exports.anndata import export_anndata
from fovea.jobs.log import job

with job(snakemake) as log:
    fits = dict(zip(snakemake.params.names, snakemake.input.fits, strict=True))
    columns = snakemake.params.columns
    export_anndata(snakemake.input.traces, snakemake.output.h5ad, columns, fits, log=log)
