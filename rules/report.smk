rule overview:
    input:
        images=files(DatasetPlan.overview_images),
        traces=files(DatasetPlan.traces),
    output:
        figure=report(
            steps.OVERVIEW["figure"],
            caption="../report/overview.rst",
            category="Images",
            subcategory="{dataset}",
            labels={"dataset": "{dataset}", "field of view": "{fov}"},
        ),
    log:
        steps.OVERVIEW.log,
    benchmark:
        steps.OVERVIEW.benchmark
    conda:
        "../envs/fovea.yaml"
    params:
        features=of_dataset(lambda dataset: dataset.features),
        time_unit=of_dataset(lambda dataset: dataset.entry["time"]["unit"]),
    message:
        "Draw overview: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/overview.py"
