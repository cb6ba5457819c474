rule fit:
    input:
        traces="results/merged/{sample}_traces.parquet",
    output:
        fits="results/analysis/{sample}_{fit}.csv",
    log:
        "logs/analysis/{sample}_{fit}.log",
    benchmark:
        "benchmarks/analysis/{sample}_{fit}.tsv"
    conda:
        "../envs/fovea.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        entry=lambda wildcards: samples.fit_parameters(FITS[wildcards.fit]),
        column=lambda wildcards: samples.column(FITS[wildcards.fit]),
        area=fitted_area,
        several=several_datasets,
        plugins=model_code,
    message:
        "Fit {wildcards.fit}: sample {wildcards.sample}"
    script:
        "../scripts/fit.py"


rule share:
    input:
        traces="results/merged/{sample}_traces.parquet",
    output:
        table="results/analysis/{sample}_{fit}_shared_parameters.csv",
        fits="results/analysis/{sample}_{fit}_shared.csv",
    log:
        "logs/analysis/{sample}_{fit}_shared.log",
    benchmark:
        "benchmarks/analysis/{sample}_{fit}_shared.tsv"
    conda:
        "../envs/fovea.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(120),
    params:
        entry=lambda wildcards: samples.fit_parameters(FITS[wildcards.fit])
        | {"shared": FITS[wildcards.fit]["shared"]},
        column=lambda wildcards: samples.column(FITS[wildcards.fit]),
        area=fitted_area,
        several=several_datasets,
        plugins=model_code,
    message:
        "Estimate shared parameters of {wildcards.fit}: sample {wildcards.sample}"
    script:
        "../scripts/share.py"


rule compare:
    input:
        fits=compared_fits,
    output:
        table="results/analysis/{sample}_{group}_models.csv",
    log:
        "logs/analysis/{sample}_{group}_models.log",
    benchmark:
        "benchmarks/analysis/{sample}_{group}_models.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    params:
        names=lambda wildcards: list(samples.comparisons(config, wildcards.sample)[wildcards.group]),
    message:
        "Compare the models of {wildcards.group}: sample {wildcards.sample}"
    script:
        "../scripts/compare.py"


rule export_anndata:
    input:
        traces="results/merged/{sample}_traces.parquet",
        fits=fits_of_sample,
    output:
        h5ad="results/analysis/{sample}.h5ad",
    log:
        "logs/analysis/{sample}_anndata.log",
    benchmark:
        "benchmarks/analysis/{sample}_anndata.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        columns=lambda wildcards: samples.sample_columns(config, wildcards.sample),
        names=lambda wildcards: [
            name
            for name, entry in FITS.items()
            if wildcards.sample in samples.samples_of(config, entry)
        ],
    message:
        "Export sample {wildcards.sample} as AnnData"
    script:
        "../scripts/export_anndata.py"
