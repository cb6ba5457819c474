rule import_traces:
    input:
        traces=lambda wildcards: resolve_traces(config["datasets"][wildcards.dataset]["traces"]),
    output:
        traces=steps.IMPORT_TRACES["traces"],
    log:
        steps.IMPORT_TRACES.log,
    benchmark:
        steps.IMPORT_TRACES.benchmark
    wildcard_constraints:
        dataset=one_of(plan.traces),
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    params:
        features=lambda wildcards: datasets.features_for(config, wildcards.dataset),
        time=lambda wildcards: config["datasets"][wildcards.dataset]["time"],
        fovs=lambda wildcards: config["datasets"][wildcards.dataset]["fovs"],
        exclude_fovs=lambda wildcards: config["datasets"][wildcards.dataset]["exclude_fovs"],
        names=lambda wildcards: datasets.channel_names(config, wildcards.dataset),
        dataset=lambda wildcards: wildcards.dataset,
        beside=lambda wildcards: datasets.with_same_traces(config, wildcards.dataset),
    message:
        "Read the traces of {wildcards.dataset}"
    script:
        "../scripts/import_traces.py"


# Snakemake wants the number of a rule's outputs to be fixed, and each feature has tables of its
# own: one rule for the samples that have the same features.
for layout in plan.merge_layouts():

    rule:
        name:
            layout.rule
        input:
            unpack(lambda wildcards: plan.merge_inputs(wildcards.sample, fovs)),
        output:
            csv=layout.step["csv"],
            parquet=layout.step["parquet"],
        log:
            layout.step.log,
        benchmark:
            layout.step.benchmark
        wildcard_constraints:
            sample=one_of(layout.members),
        conda:
            "../envs/fovea.yaml"
        resources:
            mem_mb=lambda wildcards, input, attempt: (
                resources.merge_memory(input.size_mb, attempt)
            ),
            runtime=lambda wildcards, input, attempt: (
                resources.merge_minutes(input.size_mb, attempt)
            ),
        params:
            datasets=lambda wildcards: samples.merge_parameters(config, wildcards.sample),
            names=list(config["datasets"]),
            made_with=lambda wildcards: samples.made_with(config, wildcards.sample),
            derived=lambda wildcards: samples.derived(config, wildcards.sample),
            left_out=lambda wildcards: plan.words_left_out(wildcards.sample),
        message:
            "Merge the traces of sample {wildcards.sample}"
        script:
            "../scripts/merge.py"
