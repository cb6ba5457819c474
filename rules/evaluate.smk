# A rule per dataset with a reference; `snakemake evaluate` runs them, a usual run does not.
for dataset in with_reference():

    rule:
        name:
            f"evaluate_{dataset}"
        input:
            reference=reference_file,
            images=array_files([f"pc_ch_{phase_channel(dataset)}"], 0),
            labels=array_files([f"seg_tracked_ch_{phase_channel(dataset)}"], 0),
            lineage=f"{FOV}/{{dataset}}_fov_{{fov}}_lineage.csv",
        output:
            table="results/report/{dataset}_fov_{fov}_scores.csv",
            figure="results/report/{dataset}_fov_{fov}_worst_cells.png",
        log:
            f"{LOGS}/evaluate.log",
        benchmark:
            f"{BENCHMARKS}/evaluate.tsv"
        wildcard_constraints:
            dataset=dataset,
        conda:
            "../envs/fovea.yaml"
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        params:
            reference=config["datasets"][dataset]["reference"],
        message:
            "Score: {wildcards.dataset}, field of view {wildcards.fov}"
        script:
            "../scripts/evaluate_fov.py"


rule evaluate:
    input:
        scores,
    message:
        "All scores are there"
