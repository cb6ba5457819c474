rule extract:
    input:
        cells=cells_input,
        flat_fields=flat_fields,
    output:
        traces=f"{FOV}/{{dataset}}_fov_{{fov}}_traces.csv",
        cells=f"{FOV}/{{dataset}}_fov_{{fov}}_cells.csv",
    log:
        f"{LOGS}/extract.log",
    benchmark:
        f"{BENCHMARKS}/extract.tsv"
    group:
        "fov"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=memory("extract"),
        runtime=minutes("extract"),
    params:
        features=features,
        weight=param("background", "weight"),
        extraction=param("extraction"),
        plugins=plugin_code("extraction"),
    message:
        "Extract traces: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/extract.py"
