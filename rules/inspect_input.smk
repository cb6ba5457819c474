# A checkpoint, because `fovs: all` is known only when the recording has been looked at. It compares
# the config with the recording, too, without taking it as `params`: a change of the config must not
# inspect the recording again. Then the handler `onstart` compares them.
checkpoint inspect_input:
    input:
        recording=of_dataset(lambda dataset: dataset.recording()),
    output:
        metadata=steps.INSPECT_INPUT["metadata"],
    log:
        steps.INSPECT_INPUT.log,
    benchmark:
        steps.INSPECT_INPUT.benchmark
    wildcard_constraints:
        dataset=readable(plan.datasets),
    conda:
        "../envs/fovea.yaml"
    params:
        source=of_dataset(lambda dataset: dataset.entry["input"]),
    message:
        "Inspect the recording of {wildcards.dataset}"
    script:
        "../scripts/inspect_input.py"


rule processing_config:
    input:
        metadata=steps.INSPECT_INPUT["metadata"],
        found=of_dataset(lambda dataset: [fill(f, dataset=dataset.name) for f in dataset.found()]),
    output:
        config=report(
            steps.PROCESSING_CONFIG["config"],
            caption="../report/run.rst",
            category="Run",
            labels={"dataset": "{dataset}", "result": "parameters and versions"},
        ),
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
    message:
        "Write down how {wildcards.dataset} is processed"
    script:
        "../scripts/processing_config.py"
