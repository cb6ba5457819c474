rule import_traces:
    input:
        traces=trace_files,
    output:
        traces="results/{dataset}/{dataset}_traces.csv",
    log:
        "logs/{dataset}/import_traces.log",
    benchmark:
        "benchmarks/{dataset}/import_traces.tsv"
    wildcard_constraints:
        dataset=one_of(trace_datasets()),
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    params:
        features=features,
        time=lambda wildcards: config["datasets"][wildcards.dataset]["time"],
        fovs=lambda wildcards: config["datasets"][wildcards.dataset]["fovs"],
        exclude_fovs=lambda wildcards: config["datasets"][wildcards.dataset]["exclude_fovs"],
        names=lambda wildcards: channel_names(config, wildcards.dataset),
    message:
        "Read the traces of {wildcards.dataset}"
    script:
        "../scripts/import_traces.py"


# A rule per sample, because the number of features differs.
for sample in SAMPLES:

    rule:
        name:
            f"merge_{sample}"
        input:
            unpack(merge_files(sample)),
        output:
            csv=merged_files(sample, "csv"),
            parquet=merged_files(sample, "parquet"),
        log:
            "logs/merged/{sample}_merge.log",
        benchmark:
            "benchmarks/merged/{sample}_merge.tsv"
        wildcard_constraints:
            sample=re.escape(sample),
        conda:
            "../envs/fovea.yaml"
        resources:
            mem_mb=merge_memory,
            runtime=merge_minutes,
        params:
            datasets=samples.merge_parameters(config, sample),
            names=list(config["datasets"]),
            left_out=samples.left_out_words(LEFT_OUT, samples.sample_parts(config, sample)),
        message:
            "Merge the traces of sample {wildcards.sample}"
        script:
            "../scripts/merge.py"
