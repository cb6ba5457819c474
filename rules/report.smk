rule overview:
    input:
        images=overview_images,
        traces=overview_traces,
    output:
        figure="results/report/{dataset}_fov_{fov}.png",
    log:
        f"{LOGS}/overview.log",
    benchmark:
        f"{BENCHMARKS}/overview.tsv"
    conda:
        "../envs/fovea.yaml"
    params:
        features=features,
        time_unit=lambda wildcards: config["datasets"][wildcards.dataset]["time"]["unit"],
    message:
        "Draw overview: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/overview.py"
