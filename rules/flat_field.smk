# One job for all fields of view of a channel: the light is the same in all of them.
rule flat_field:
    input:
        metadata="results/{dataset}/metadata.yaml",
        recording=flat_field_recording,
        image=flat_field_image,
    output:
        gain="results/{dataset}/flat_field_ch_{fl}.tif",
    log:
        "logs/{dataset}/flat_field_ch_{fl}.log",
    benchmark:
        "benchmarks/{dataset}/flat_field_ch_{fl}.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        flat_field=flat_field_params,
        source=lambda wildcards: config["datasets"][wildcards.dataset]["input"],
        z=lambda wildcards: config["datasets"][wildcards.dataset]["z"],
    message:
        "Find the flat field: {wildcards.dataset}, channel {wildcards.fl}"
    script:
        "../scripts/flat_field.py"
