# A rule per dataset, because the number of channels differs.
for dataset in recordings():

    rule:
        name:
            f"cache_{dataset}"
        input:
            arrays=array_files(list(raw_channels(dataset)) + derived_groups(dataset), 0),
            drift=drift_file(dataset, "display"),
        output:
            arrays=array_files(list(raw_channels(dataset)) + derived_groups(dataset), 1),
        log:
            f"{LOGS}/cache.log",
        benchmark:
            f"{BENCHMARKS}/cache.tsv"
        wildcard_constraints:
            dataset=dataset,
        group:
            "fov"
        conda:
            "../envs/fovea.yaml"
        resources:
            mem_mb=memory("cache"),
            runtime=minutes("cache"),
        message:
            "Make display levels: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/cache.py"
