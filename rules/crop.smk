# A rule per dataset, because a store that is not kept is declared in another way.
for dataset in with_phase():

    rule:
        name:
            f"crop_{dataset}"
        input:
            raw=array_files(raw_channels(dataset), 0),
            backgrounds=array_files(
                [f"fl_background_ch_{fl}" for fl in fluorescence_channels(dataset)], 0
            ),
            medians=median_files(dataset),
            tracked=phase_array("seg_tracked"),
            drift=drift_file(dataset, "cropping"),
        output:
            cells=cells_output(dataset),
        log:
            f"{LOGS}/crop.log",
        benchmark:
            f"{BENCHMARKS}/crop.tsv"
        wildcard_constraints:
            dataset=dataset,
        group:
            "fov"
        conda:
            "../envs/fovea.yaml"
        resources:
            mem_mb=memory("crop"),
            runtime=minutes("crop"),
        params:
            padding=param("cropping", "padding"),
        message:
            "Crop cells: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/crop.py"
