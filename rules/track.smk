# A rule per dataset, because the names of the tables do not hold the channel.
for dataset in with_phase():

    rule:
        name:
            f"track_{dataset}"
        input:
            labels=array_files([f"seg_labeled_ch_{phase_channel(dataset)}"], 0),
            group=group_files([f"seg_labeled_ch_{phase_channel(dataset)}"]),
        output:
            group=group_files([f"seg_tracked_ch_{phase_channel(dataset)}"]),
            labels=array_files([f"seg_tracked_ch_{phase_channel(dataset)}"], 0),
            lineage=f"{FOV}/{{dataset}}_fov_{{fov}}_lineage.csv",
            drift=f"{FOV}/{{dataset}}_fov_{{fov}}_drift.csv",
        log:
            f"{LOGS}/track_ch_{phase_channel(dataset)}.log",
        benchmark:
            f"{BENCHMARKS}/track_ch_{phase_channel(dataset)}.tsv"
        wildcard_constraints:
            dataset=dataset,
        group:
            "fov"
        conda:
            environment("tracking")
        resources:
            mem_mb=memory("track"),
            runtime=minutes("track"),
        params:
            tracking=param("tracking"),
            plugins=plugin_code("tracking"),
        message:
            "Track: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/track.py"
