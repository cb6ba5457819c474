rule plot_traces:
    input:
        traces="results/merged/{sample}_traces.parquet",
    output:
        pdf="results/analysis/plots/{sample}_traces.pdf",
        png=report(
            "results/analysis/plots/{sample}_traces.png",
            caption="../report/traces.rst",
            category="Samples",
            subcategory="{sample}",
            labels={"sample": "{sample}", "figure": "traces"},
        ),
    log:
        "logs/analysis/{sample}_plot_traces.log",
    benchmark:
        "benchmarks/analysis/{sample}_plot_traces.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(20),
    params:
        columns=lambda wildcards: samples.sample_columns(config, wildcards.sample),
    message:
        "Draw the traces of sample {wildcards.sample}"
    script:
        "../scripts/plot_traces.py"


rule plot_retention:
    input:
        cells=expand("results/merged/{sample}_traces_cells.parquet", sample=SAMPLES),
    output:
        pdf="results/analysis/plots/retention.pdf",
        png=report(
            "results/analysis/plots/retention.png",
            caption="../report/retention.rst",
            category="Samples",
            subcategory="all samples",
            labels={"sample": "all", "figure": "retention"},
        ),
    log:
        "logs/analysis/plot_retention.log",
    benchmark:
        "benchmarks/analysis/plot_retention.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    params:
        names=SAMPLES,
        extraction={name: params_of(name)["extraction"] for name in fovea_config.recordings(config)},
    message:
        "Draw how many cells there are, and why others were lost"
    script:
        "../scripts/plot_retention.py"


rule plot_fits:
    input:
        traces="results/merged/{sample}_traces.parquet",
        fits="results/analysis/{sample}_{fit}.csv",
    output:
        pdf="results/analysis/plots/{sample}_{fit}_examples.pdf",
        png=report(
            "results/analysis/plots/{sample}_{fit}_examples.png",
            caption="../report/fits.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "{sample}", "figure": "examples"},
        ),
    log:
        "logs/analysis/{sample}_{fit}_plot_fits.log",
    benchmark:
        "benchmarks/analysis/{sample}_{fit}_plot_fits.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(20),
    params:
        entry=lambda wildcards: samples.fit_parameters(FITS[wildcards.fit]),
        column=lambda wildcards: samples.column(FITS[wildcards.fit]),
        area=fitted_area,
        plugins=model_code,
        in_force=lambda wildcards: samples.parameter_words(FITS[wildcards.fit]),
    message:
        "Draw examples of {wildcards.fit}: sample {wildcards.sample}"
    script:
        "../scripts/plot_fits.py"


rule parameters:
    input:
        fits=fits_of_all_samples,
    output:
        table="results/analysis/{fit}_parameters.csv",
        pdf="results/analysis/plots/{fit}_parameters.pdf",
        png=report(
            "results/analysis/plots/{fit}_parameters.png",
            caption="../report/parameters.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "all", "figure": "parameters"},
        ),
    log:
        "logs/analysis/{fit}_parameters.log",
    benchmark:
        "benchmarks/analysis/{fit}_parameters.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    params:
        names=fitted_samples,
        entry=lambda wildcards: samples.fit_parameters(FITS[wildcards.fit]),
        column=lambda wildcards: samples.column(FITS[wildcards.fit]),
        left_out=left_out_of_samples,
        plugins=model_code,
        in_force=lambda wildcards: samples.parameter_words(FITS[wildcards.fit]),
    message:
        "Tabulate and draw the parameters of {wildcards.fit}"
    script:
        "../scripts/parameters.py"


rule plot_quality:
    input:
        fits=fits_of_all_samples,
    output:
        pdf="results/analysis/plots/{fit}_quality.pdf",
        png=report(
            "results/analysis/plots/{fit}_quality.png",
            caption="../report/quality.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "all", "figure": "quality"},
        ),
    log:
        "logs/analysis/{fit}_plot_quality.log",
    benchmark:
        "benchmarks/analysis/{fit}_plot_quality.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    params:
        names=fitted_samples,
        entry=lambda wildcards: samples.fit_parameters(FITS[wildcards.fit]),
        column=lambda wildcards: samples.column(FITS[wildcards.fit]),
        left_out=left_out_of_samples,
        plugins=model_code,
        in_force=lambda wildcards: samples.parameter_words(FITS[wildcards.fit]),
    message:
        "Draw how well {wildcards.fit} describes the traces"
    script:
        "../scripts/plot_quality.py"
