from fovea.evaluation.evaluate import evaluate
from fovea.jobs.log import job
from fovea.store.groups import groups_of

with job(snakemake) as log:
    fov = snakemake.wildcards.fov
    evaluate(
        snakemake.params.reference.replace("{fov}", fov),
        groups_of(snakemake.input.labels)[0],
        snakemake.output.table,
        snakemake.output.figure,
        groups_of(snakemake.input.images)[0],
        snakemake.input.lineage,
        name=f"{snakemake.wildcards.dataset}, field of view {fov}",
        log=log,
    )
