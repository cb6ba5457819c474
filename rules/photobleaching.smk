rule photobleaching:
    input:
        raw=arrays("fl"),
        backgrounds=arrays("fl_background"),
        medians=files(DatasetPlan.medians),
        tracked=arrays("seg_tracked"),
        flat_fields=files(DatasetPlan.flat_fields),
    output:
        trend=steps.PHOTOBLEACHING["trend"],
        fits=steps.PHOTOBLEACHING["fits"],
    log:
        steps.PHOTOBLEACHING.log,
    benchmark:
        steps.PHOTOBLEACHING.benchmark
    wildcard_constraints:
        dataset=one_of(plan.having("photobleaching")),
    group:
        "fov"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=memory("photobleaching"),
        runtime=minutes("photobleaching"),
    params:
        weight=param("background", "weight"),
        dark=param("flat_field", "dark"),
    message:
        "Report photobleaching: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/photobleaching.py"
