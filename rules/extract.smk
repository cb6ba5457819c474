rule extract:
    input:
        cells=files(lambda dataset: [dataset.cells()]),
        merges=steps.table("merges"),
        lineage=steps.table("lineage"),
        flat_fields=files(DatasetPlan.flat_fields),
        found=files(DatasetPlan.found_for_margin),
    output:
        traces=steps.EXTRACT["traces"],
        cells=steps.EXTRACT["cells"],
    log:
        steps.EXTRACT.log,
    benchmark:
        steps.EXTRACT.benchmark
    group:
        "fov"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=memory("extract"),
        runtime=minutes("extract"),
    params:
        features=of_dataset(lambda dataset: dataset.features),
        weight=param("background", "weight"),
        extraction=param("extraction"),
        diameter=of_dataset(DatasetPlan.diameter_for_margin),
        plugins=of_dataset(lambda dataset: dataset.plugin_code("extraction")),
    message:
        "Extract traces: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/extract.py"
