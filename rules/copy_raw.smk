# All channels are read in one pass, so they are outputs of one rule, and Snakemake wants the number
# of a rule's outputs to be fixed: one rule for the datasets that have the same channels.
for layout in plan.layouts("copy_raw"):

    rule:
        name:
            layout.rule
        input:
            metadata=steps.INSPECT_INPUT["metadata"],
            recording=of_dataset(lambda dataset: dataset.recording()),
        output:
            root=layout.step["root"],
            groups=layout.step["groups"],
            arrays=layout.step["arrays"],
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
        resources:
            mem_mb=memory("copy_raw"),
            runtime=minutes("copy_raw"),
        params:
            source=of_dataset(lambda dataset: dataset.entry["input"]),
            channels=of_dataset(lambda dataset: dataset.raw_channels()),
            z=of_dataset(lambda dataset: dataset.entry["z"]),
        message:
            "Copy raw channels: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/copy_raw.py"
