# One job for all fields of view of a channel: the light is the same in all of them.
rule flat_field:
    input:
        metadata=steps.INSPECT_INPUT["metadata"],
        recording=of_dataset(lambda dataset: dataset.flat_field_recording()),
        image=lambda wildcards: plan.datasets[wildcards.dataset].flat_field_image(wildcards.fl),
    output:
        gain=steps.FLAT_FIELD["gain"],
    log:
        steps.FLAT_FIELD.log,
    benchmark:
        steps.FLAT_FIELD.benchmark
    wildcard_constraints:
        dataset=one_of(
            name
            for name, dataset in plan.datasets.items()
            if name not in absent or dataset.flat_field_params["method"] == "image"
        ),
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        flat_field=of_dataset(lambda dataset: dataset.flat_field_params),
        source=of_dataset(lambda dataset: dataset.entry["input"]),
        z=of_dataset(lambda dataset: dataset.entry["z"]),
    message:
        "Find the flat field: {wildcards.dataset}, channel {wildcards.fl}"
    script:
        "../scripts/flat_field.py"
