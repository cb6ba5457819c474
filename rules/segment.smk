# One job for all fields of view, which are to be segmented alike.
rule find_cells:
    input:
        metadata=steps.INSPECT_INPUT["metadata"],
        recording=of_dataset(lambda dataset: dataset.recording()),
    output:
        found=steps.FIND_CELLS["found"],
    log:
        steps.FIND_CELLS.log,
    benchmark:
        steps.FIND_CELLS.benchmark
    wildcard_constraints:
        dataset=readable(plan.datasets),
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(20),
    params:
        segmentation=param("segmentation"),
        preprocess=param("preprocess"),
        source=of_dataset(lambda dataset: dataset.entry["input"]),
        channel=of_dataset(lambda dataset: dataset.pc),
        z=of_dataset(lambda dataset: dataset.entry["z"]),
        plugins=of_dataset(lambda dataset: dataset.plugin_code("segmentation")),
    message:
        "Find the mode and diameter for the cells of {wildcards.dataset}"
    script:
        "../scripts/find_cells.py"


# Once for a dataset, where Snakemake runs: nodes of a cluster may have no way to the internet.
rule prepare_segmentation:
    output:
        prepared=steps.PREPARE_SEGMENTATION["prepared"],
    log:
        steps.PREPARE_SEGMENTATION.log,
    benchmark:
        steps.PREPARE_SEGMENTATION.benchmark
    wildcard_constraints:
        dataset=readable(plan.datasets),
    conda:
        environment("segmentation")
    params:
        segmentation=param("segmentation"),
        plugins=of_dataset(lambda dataset: dataset.plugin_code("segmentation")),
    message:
        "Fetch what segmentation of {wildcards.dataset} needs"
    script:
        "../scripts/prepare_segmentation.py"


rule segment:
    input:
        phase=fill(paths.ARRAY, group="pc_ch_{pc}", level=0),
        group=fill(paths.GROUP, group="pc_ch_{pc}"),
        weights=of_dataset(lambda dataset: dataset.network_weights()),
        found=files(lambda dataset: dataset.found()),
        prepared=files(lambda dataset: dataset.prepared()),
    output:
        group=steps.SEGMENT["group"],
        labels=steps.SEGMENT["labels"],
    log:
        steps.SEGMENT.log,
    benchmark:
        steps.SEGMENT.benchmark
    group:
        "fov"
    conda:
        environment("segmentation")
    threads: threads("segment")
    resources:
        **gpus("segmentation"),
        mem_mb=memory("segment"),
        runtime=minutes("segment"),
    params:
        segmentation=param("segmentation"),
        preprocess=param("preprocess"),
        plugins=of_dataset(lambda dataset: dataset.plugin_code("segmentation")),
    message:
        "Segment: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/segment.py"
