# A checkpoint, because `fovs: all` is known only when the recording has been looked at.
checkpoint inspect_input:
    input:
        recording=recording,
    output:
        metadata="results/{dataset}/metadata.yaml",
    log:
        "logs/{dataset}/inspect_input.log",
    benchmark:
        "benchmarks/{dataset}/inspect_input.tsv"
    conda:
        "../envs/fovea.yaml"
    params:
        source=lambda wildcards: config["datasets"][wildcards.dataset]["input"],
        channels=expected_channels,
    message:
        "Inspect the recording of {wildcards.dataset}"
    script:
        "../scripts/inspect_input.py"


rule processing_config:
    input:
        metadata="results/{dataset}/metadata.yaml",
    output:
        config="results/{dataset}/processing_config.yaml",
    log:
        "logs/{dataset}/processing_config.log",
    benchmark:
        "benchmarks/{dataset}/processing_config.tsv"
    conda:
        "../envs/fovea.yaml"
    params:
        dataset=lambda wildcards: config["datasets"][wildcards.dataset],
        parameters=lambda wildcards: params_of(wildcards.dataset),
        samples=config["samples"],
    message:
        "Write down how {wildcards.dataset} is processed"
    script:
        "../scripts/processing_config.py"
