# A rule per dataset, because one dilated mask serves all channels and their number differs.
for dataset in with_fluorescence():

    rule:
        name:
            f"background_{dataset}"
        input:
            raw=array_files([f"fl_ch_{fl}" for fl in fluorescence_channels(dataset)], 0),
            groups=group_files([f"fl_ch_{fl}" for fl in fluorescence_channels(dataset)]),
            labels=phase_array("seg_labeled"),
            flat_fields=flat_field_files(dataset),
        output:
            groups=group_files(background_groups(dataset)),
            arrays=array_files(background_groups(dataset), 0),
            medians=median_files(dataset),
        log:
            f"{LOGS}/background.log",
        benchmark:
            f"{BENCHMARKS}/background.tsv"
        wildcard_constraints:
            dataset=dataset,
        group:
            "fov"
        conda:
            "../envs/fovea.yaml"
        resources:
            mem_mb=memory("background"),
            runtime=minutes("background"),
        params:
            background=background_params(dataset),
        message:
            "Estimate background: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/background.py"
