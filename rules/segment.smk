rule segment:
    input:
        phase=paths.fill(paths.ARRAY, group="pc_ch_{pc}", level=0),
        group=paths.fill(paths.GROUP, group="pc_ch_{pc}"),
        weights=of_dataset(lambda dataset: dataset.network_weights()),
    output:
        group=steps.SEGMENT["group"],
        labels=steps.SEGMENT["labels"],
    log:
        steps.SEGMENT.log,
    benchmark:
        steps.SEGMENT.benchmark
    group:
        "fov"
    conda:
        environment("segmentation")
    resources:
        mem_mb=memory("segment"),
        runtime=minutes("segment"),
    params:
        segmentation=param("segmentation"),
        preprocess=param("preprocess"),
        plugins=of_dataset(lambda dataset: dataset.plugin_code("segmentation")),
    message:
        "Segment: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/segment.py"
