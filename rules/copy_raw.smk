# All channels are read in one pass, so they are outputs of one rule, and Snakemake wants the number
# of a rule's outputs to be fixed: one rule for the datasets that have the same channels.
# A field of view to which channels were added gets two: for those that it has and for the others.
for layout in plan.layouts("copy_raw") + plan.added_layouts():

    rule:
        name:
            layout.rule
        input:
            metadata=steps.INSPECT_INPUT["metadata"],
            recording=of_dataset(lambda dataset: dataset.recording()),
        output:
            root=layout.step.outputs.get("root", []),
            groups=layout.step["groups"],
            arrays=layout.step["arrays"],
        log:
            layout.step.log,
        benchmark:
            layout.step.benchmark
        wildcard_constraints:
            dataset=readable(layout.members),
            fov=FOV if layout.fovs is None else one_of([f"{fov:03d}" for fov in layout.fovs]),
        group:
            "fov"
        conda:
            "../envs/fovea.yaml"
        threads: threads("copy_raw")
        resources:
            mem_mb=memory("copy_raw"),
            runtime=minutes("copy_raw"),
        params:
            source=of_dataset(lambda dataset: dataset.entry["input"]),
            z=of_dataset(lambda dataset: dataset.entry["z"]),
        message:
            "Copy raw channels: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/copy_raw.py"


for layout in plan.added_layouts():
    for other in plan.layouts("copy_raw"):
        workflow.ruleorder(layout.rule, other.rule)
