# One job makes the levels of all arrays, and Snakemake wants the number of a rule's outputs to be
# fixed: one rule for the datasets that have the same arrays.
for layout in plan.layouts("cache"):

    rule:
        name:
            layout.rule
        input:
            arrays=files(lambda dataset: paths.arrays(dataset.image_groups())),
            drift=files(lambda dataset: dataset.drift("display")),
        output:
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
        threads: threads("cache")
        resources:
            mem_mb=memory("cache"),
            runtime=minutes("cache"),
        message:
            "Make display levels: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/cache.py"
