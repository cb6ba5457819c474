rule track:
    input:
        labels=f"{IMAGES}/seg_labeled_ch_{{pc}}/0/zarr.json",
        group=f"{IMAGES}/seg_labeled_ch_{{pc}}/zarr.json",
        kernels=ancient(KERNELS),
    output:
        group=f"{IMAGES}/seg_tracked_ch_{{pc}}/zarr.json",
        labels=f"{IMAGES}/seg_tracked_ch_{{pc}}/0/zarr.json",
    log:
        f"{LOGS}/track_ch_{{pc}}.log",
    benchmark:
        f"{BENCHMARKS}/track_ch_{{pc}}.tsv"
    conda:
        "../envs/fovea.yaml"
    params:
        tracking=param("tracking"),
    message:
        "Track: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/track.py"
