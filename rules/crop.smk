# Whether an output is temporary is a property of Snakemake's rule, not of its job: one rule for the
# datasets that keep their crops, and one for those that do not.
for layout in plan.layouts("crop"):

    rule:
        name:
            layout.rule
        input:
            raw=arrays("pc", "fl"),
            backgrounds=arrays("fl_background"),
            medians=files(DatasetPlan.medians),
            tracked=arrays("seg_tracked"),
            boxes=files(DatasetPlan.boxes),
            drift=files(lambda dataset: dataset.drift("cropping")),
        output:
            cells=(
                layout.step["cells"] if layout.step.kept else temp(directory(layout.step["cells"]))
            ),
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
        threads: threads("crop")
        resources:
            mem_mb=memory("crop"),
            runtime=minutes("crop"),
        params:
            padding=param("cropping", "padding"),
        message:
            "Crop cells: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/crop.py"
