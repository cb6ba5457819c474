# A rule per dataset, because the number of channels differs.
for dataset in with_photobleaching():

    rule:
        name:
            f"photobleaching_{dataset}"
        input:
            raw=array_files([f"fl_ch_{fl}" for fl in fluorescence_channels(dataset)], 0),
            backgrounds=array_files(
                [f"fl_background_ch_{fl}" for fl in fluorescence_channels(dataset)], 0
            ),
            medians=median_files(dataset),
            tracked=phase_array("seg_tracked"),
            flat_fields=flat_field_files(dataset),
        output:
            trend=f"{FOV}/{{dataset}}_fov_{{fov}}_photobleaching.csv",
            fits=f"{FOV}/{{dataset}}_fov_{{fov}}_photobleaching_fits.csv",
        log:
            f"{LOGS}/photobleaching.log",
        benchmark:
            f"{BENCHMARKS}/photobleaching.tsv"
        wildcard_constraints:
            dataset=dataset,
        group:
            "fov"
        conda:
            "../envs/fovea.yaml"
        resources:
            mem_mb=memory("photobleaching"),
            runtime=minutes("photobleaching"),
        params:
            weight=param("background", "weight"),
            dark=param("flat_field", "dark"),
        message:
            "Report photobleaching: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/photobleaching.py"
