# `snakemake evaluate` scores the datasets that have a reference; a usual run does not.
rule evaluate_fov:
    input:
        reference=lambda wildcards: plan.datasets[wildcards.dataset].reference(wildcards.fov),
        images=arrays("pc"),
        labels=arrays("seg_tracked"),
        lineage=steps.table("lineage"),
    output:
        table=steps.EVALUATE["table"],
        figure=steps.EVALUATE["figure"],
    log:
        steps.EVALUATE.log,
    benchmark:
        steps.EVALUATE.benchmark
    wildcard_constraints:
        dataset=one_of(plan.with_reference()),
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    params:
        reference=of_dataset(lambda dataset: dataset.entry["reference"]),
    message:
        "Score: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/evaluate_fov.py"


rule evaluate:
    input:
        lambda wildcards: [
            steps.EVALUATE.of(dataset=dataset, fov=f"{fov:03d}")["table"]
            for dataset in plan.with_reference()
            for fov in fovs(dataset)
        ],
    message:
        "All scores are there"
