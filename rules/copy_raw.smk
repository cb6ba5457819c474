# A rule per dataset, because the number of channels differs and all of them are read in one pass.
for dataset in recordings():

    rule:
        name:
            f"copy_raw_{dataset}"
        input:
            metadata="results/{dataset}/metadata.yaml",
            recording=recording,
        output:
            root=f"{IMAGES}/zarr.json",
            groups=group_files(raw_channels(dataset)),
            arrays=array_files(raw_channels(dataset), 0),
        log:
            f"{LOGS}/copy_raw.log",
        benchmark:
            f"{BENCHMARKS}/copy_raw.tsv"
        wildcard_constraints:
            dataset=dataset,
        group:
            "fov"
        conda:
            "../envs/fovea.yaml"
        resources:
            mem_mb=memory("copy_raw"),
            runtime=minutes("copy_raw"),
        params:
            source=config["datasets"][dataset]["input"],
            channels=raw_channels(dataset),
            z=config["datasets"][dataset]["z"],
        message:
            "Copy raw channels: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/copy_raw.py"
