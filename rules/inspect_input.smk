# A checkpoint, because `fovs: all` is known only when the recording has been looked at.
checkpoint inspect_input:
    input:
        recording=of_dataset(lambda dataset: dataset.recording()),
    output:
        metadata=steps.INSPECT_INPUT["metadata"],
    log:
        steps.INSPECT_INPUT.log,
    benchmark:
        steps.INSPECT_INPUT.benchmark
    conda:
        "../envs/fovea.yaml"
    params:
        source=of_dataset(lambda dataset: dataset.entry["input"]),
    message:
        "Inspect the recording of {wildcards.dataset}"
    script:
        "../scripts/inspect_input.py"


# It checks, too, that the config fits the recording, and the steps of the fields of view wait for
# that. A check that fails must not delete what a former one wrote, or all of them would run again.
rule processing_config:
    input:
        metadata=steps.INSPECT_INPUT["metadata"],
        curation=curation_table,
    output:
        config=update(steps.PROCESSING_CONFIG["config"]),
    log:
        steps.PROCESSING_CONFIG.log,
    benchmark:
        steps.PROCESSING_CONFIG.benchmark
    conda:
        "../envs/fovea.yaml"
    params:
        dataset=of_dataset(lambda dataset: dataset.entry),
        parameters=param(),
        samples=config["samples"],
        names=list(config["datasets"]),
    message:
        "Write down how {wildcards.dataset} is processed"
    script:
        "../scripts/processing_config.py"
