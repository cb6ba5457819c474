rule segment:
    input:
        phase=f"{IMAGES}/pc_ch_{{pc}}/0/zarr.json",
        group=f"{IMAGES}/pc_ch_{{pc}}/zarr.json",
        weights=network_weights,
    output:
        group=f"{IMAGES}/seg_labeled_ch_{{pc}}/zarr.json",
        labels=f"{IMAGES}/seg_labeled_ch_{{pc}}/0/zarr.json",
    log:
        f"{LOGS}/segment_ch_{{pc}}.log",
    benchmark:
        f"{BENCHMARKS}/segment_ch_{{pc}}.tsv"
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
        plugins=plugin_code("segmentation"),
    message:
        "Segment: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/segment.py"
