rule fit:
    input:
        traces=steps.merged("traces"),
    output:
        fits=steps.FIT["fits"],
    log:
        steps.FIT.log,
    benchmark:
        steps.FIT.benchmark
    conda:
        "../envs/fovea.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        entry=of_fit(samples.fit_parameters),
        column=of_fit(samples.column),
        area=lambda wildcards: samples.area_columns(
            config, wildcards.sample, plan.fits[wildcards.fit]
        ),
        several=lambda wildcards: len(samples.sample_parts(config, wildcards.sample)) > 1,
        plugins=of_fit(samples.model_code),
    message:
        "Fit {wildcards.fit}: sample {wildcards.sample}"
    script:
        "../scripts/fit.py"


rule share:
    input:
        traces=steps.merged("traces"),
    output:
        table=report(
            steps.SHARE["table"],
            caption="../report/shared.rst",
            category="Fits",
            subcategory="{fit}",
            labels={
                "fit": "{fit}",
                "sample": "{sample}",
                "result": "shared parameters",
                "form": "table",
            },
        ),
        fits=steps.SHARE["fits"],
    log:
        steps.SHARE.log,
    benchmark:
        steps.SHARE.benchmark
    conda:
        "../envs/fovea.yaml"
    threads: 8
    resources:
        mem_mb=more(4000),
        runtime=more(120),
    params:
        entry=of_fit(lambda entry: samples.fit_parameters(entry) | {"shared": entry["shared"]}),
        column=of_fit(samples.column),
        area=lambda wildcards: samples.area_columns(
            config, wildcards.sample, plan.fits[wildcards.fit]
        ),
        several=lambda wildcards: len(samples.sample_parts(config, wildcards.sample)) > 1,
        plugins=of_fit(samples.model_code),
    message:
        "Estimate shared parameters of {wildcards.fit}: sample {wildcards.sample}"
    script:
        "../scripts/share.py"


rule compare:
    input:
        fits=lambda wildcards: [
            steps.FIT.of(sample=wildcards.sample, fit=fit)["fits"]
            for fit in plan.comparisons(wildcards.sample)[wildcards.group].values()
        ],
    output:
        table=report(
            steps.COMPARE["table"],
            caption="../report/models.rst",
            category="Fits",
            subcategory="{group}",
            labels={"fit": "{group}", "sample": "{sample}", "result": "models", "form": "table"},
        ),
    log:
        steps.COMPARE.log,
    benchmark:
        steps.COMPARE.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    params:
        names=lambda wildcards: list(plan.comparisons(wildcards.sample)[wildcards.group]),
    message:
        "Compare the models of {wildcards.group}: sample {wildcards.sample}"
    script:
        "../scripts/compare.py"


rule export_anndata:
    input:
        traces=steps.merged("traces"),
        fits=lambda wildcards: list(plan.fits_of(wildcards.sample).values()),
    output:
        h5ad=steps.EXPORT_ANNDATA["h5ad"],
    log:
        steps.EXPORT_ANNDATA.log,
    benchmark:
        steps.EXPORT_ANNDATA.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        columns=lambda wildcards: samples.sample_columns(config, wildcards.sample),
        names=lambda wildcards: list(plan.fits_of(wildcards.sample)),
    message:
        "Export sample {wildcards.sample} as AnnData"
    script:
        "../scripts/export_anndata.py"


rule export_excel:
    input:
        merged=lambda wildcards: plan.merged(wildcards.sample),
        fits=lambda wildcards: list(plan.fits_of(wildcards.sample).values()),
    output:
        xlsx=steps.EXPORT_EXCEL["xlsx"],
    log:
        steps.EXPORT_EXCEL.log,
    benchmark:
        steps.EXPORT_EXCEL.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    message:
        "Export sample {wildcards.sample} as an Excel workbook"
    script:
        "../scripts/export_excel.py"


rule aligned:
    input:
        unpack(lambda wildcards: aligned_inputs(plan, wildcards.aligned, fovs)),
    output:
        table=report(
            steps.ALIGNED["table"],
            caption="../report/aligned_table.rst",
            category="Samples",
            subcategory="all samples",
            labels={"sample": "all", "result": "{aligned}", "form": "table"},
        ),
        events=steps.ALIGNED["events"],
        pdf=steps.ALIGNED["pdf"],
        png=report(
            steps.ALIGNED["png"],
            caption="../report/aligned.rst",
            category="Samples",
            subcategory="all samples",
            labels={"sample": "all", "result": "{aligned}", "form": "figure"},
        ),
    log:
        steps.ALIGNED.log,
    benchmark:
        steps.ALIGNED.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    params:
        names=lambda wildcards: plan.made(wildcards.aligned),
        entry=lambda wildcards: plan.aligned[wildcards.aligned],
        column=lambda wildcards: samples.column(plan.aligned[wildcards.aligned]),
        left_out=lambda wildcards: plan.words_left_out(*plan.samples_of(wildcards.aligned)),
    message:
        "Align curves at events: {wildcards.aligned}"
    script:
        "../scripts/aligned.py"
