# Once for a dataset, as `prepare_segmentation`.
rule prepare_tracking:
    output:
        prepared=steps.PREPARE_TRACKING["prepared"],
    log:
        steps.PREPARE_TRACKING.log,
    benchmark:
        steps.PREPARE_TRACKING.benchmark
    wildcard_constraints:
        dataset=readable(plan.datasets),
    conda:
        environment("tracking")
    params:
        tracking=param("tracking"),
        plugins=of_dataset(lambda dataset: dataset.plugin_code("tracking")),
    message:
        "Fetch what tracking of {wildcards.dataset} needs"
    script:
        "../scripts/prepare_tracking.py"


# Snakemake wants the same wildcards in all outputs of a rule, and the names of the tables do not
# hold the channel: one rule for the datasets that have the same phase-contrast channel.
for layout in plan.layouts("track"):

    rule:
        name:
            layout.rule
        input:
            labels=arrays("seg_labeled"),
            group=group_files("seg_labeled"),
            images=files(lambda dataset: dataset.images_to_track()),
            prepared=files(lambda dataset: dataset.prepared("tracking")),
            edited=lambda wildcards: edited.edited_table(config, **wildcards),
        output:
            group=layout.step["group"],
            labels=layout.step["labels"],
            boxes=layout.step["boxes"],
            lineage=layout.step["lineage"],
            merges=layout.step["merges"],
            drift=layout.step["drift"],
        log:
            layout.step.log,
        benchmark:
            layout.step.benchmark
        wildcard_constraints:
            dataset=one_of(layout.members),
        group:
            "fov"
        conda:
            environment("tracking")
        resources:
            **gpus("tracking"),
            mem_mb=memory("track"),
            runtime=minutes("track"),
        params:
            tracking=param("tracking"),
            plugins=of_dataset(lambda dataset: dataset.plugin_code("tracking")),
        message:
            "Track: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/track.py"
