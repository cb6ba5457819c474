rule extract:
    input:
        cells=cells_input,
        kernels=ancient(KERNELS),
    output:
        traces=f"{FOV}/{{dataset}}_fov_{{fov}}_traces.csv",
        cells=f"{FOV}/{{dataset}}_fov_{{fov}}_cells.csv",
    log:
        f"{LOGS}/extract.log",
    benchmark:
        f"{BENCHMARKS}/extract.tsv"
    conda:
        "../envs/fovea.yaml"
    params:
        features=features,
        weight=param("background", "weight"),
        extraction=param("extraction"),
    message:
        "Extract traces: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/extract.py"
