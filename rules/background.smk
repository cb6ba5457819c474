# One dilated mask serves all channels, so they are outputs of one rule, and Snakemake wants the
# number of a rule's outputs to be fixed: one rule for the datasets that have the same fluorescence
# channels.
for layout in plan.layouts("background"):

    rule:
        name:
            layout.rule
        input:
            raw=arrays("fl"),
            groups=group_files("fl"),
            labels=arrays("seg_labeled"),
            flat_fields=files(DatasetPlan.flat_fields),
        output:
            groups=layout.step["groups"],
            arrays=layout.step["arrays"],
            medians=layout.step["medians"],
        log:
            layout.step.log,
        benchmark:
            layout.step.benchmark
        wildcard_constraints:
            dataset=one_of(layout.members),
        group:
            "fov"
        conda:
            "../envs/fovea.yaml"
        threads: threads("background")
        resources:
            mem_mb=memory("background"),
            runtime=minutes("background"),
        params:
            background=of_dataset(lambda dataset: dataset.background_params),
        message:
            "Estimate background: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/background.py"
