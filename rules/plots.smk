rule plot_traces:
    input:
        traces=steps.merged("traces"),
    output:
        pdf=steps.PLOT_TRACES["pdf"],
        png=report(
            steps.PLOT_TRACES["png"],
            caption="../report/traces.rst",
            category="Samples",
            subcategory="{sample}",
            labels={"sample": "{sample}", "result": "traces", "form": "figure"},
        ),
    log:
        steps.PLOT_TRACES.log,
    benchmark:
        steps.PLOT_TRACES.benchmark
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
        cells=expand(steps.merged("traces_cells"), sample=plan.samples),
    output:
        pdf=steps.PLOT_RETENTION["pdf"],
        png=report(
            steps.PLOT_RETENTION["png"],
            caption="../report/retention.rst",
            category="Samples",
            subcategory="all samples",
            labels={"sample": "all", "result": "retention", "form": "figure"},
        ),
    log:
        steps.PLOT_RETENTION.log,
    benchmark:
        steps.PLOT_RETENTION.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    params:
        names=plan.samples,
        extraction={name: dataset.params["extraction"] for name, dataset in plan.datasets.items()},
    message:
        "Draw how many cells there are, and why others were lost"
    script:
        "../scripts/plot_retention.py"


rule plot_fits:
    input:
        traces=steps.merged("traces"),
        fits=steps.FIT["fits"],
    output:
        pdf=steps.PLOT_FITS["pdf"],
        png=report(
            steps.PLOT_FITS["png"],
            caption="../report/fits.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "{sample}", "result": "examples", "form": "figure"},
        ),
    log:
        steps.PLOT_FITS.log,
    benchmark:
        steps.PLOT_FITS.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(20),
    params:
        entry=of_fit(samples.fit_parameters),
        column=of_fit(samples.column),
        area=lambda wildcards: samples.area_columns(
            config, wildcards.sample, plan.fits[wildcards.fit]
        ),
        plugins=of_fit(samples.model_code),
        in_force=of_fit(samples.parameter_words),
    message:
        "Draw examples of {wildcards.fit}: sample {wildcards.sample}"
    script:
        "../scripts/plot_fits.py"


rule parameters:
    input:
        fits=lambda wildcards: list(plan.fitted(wildcards.fit).values()),
    output:
        table=report(
            steps.PARAMETERS["table"],
            caption="../report/parameters_table.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "all", "result": "parameters", "form": "table"},
        ),
        pdf=steps.PARAMETERS["pdf"],
        png=report(
            steps.PARAMETERS["png"],
            caption="../report/parameters.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "all", "result": "parameters", "form": "figure"},
        ),
    log:
        steps.PARAMETERS.log,
    benchmark:
        steps.PARAMETERS.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    params:
        names=lambda wildcards: list(plan.fitted(wildcards.fit)),
        entry=of_fit(samples.fit_parameters),
        column=of_fit(samples.column),
        left_out=lambda wildcards: plan.words_left_out(*plan.samples_of(wildcards.fit)),
        plugins=of_fit(samples.model_code),
        in_force=of_fit(samples.parameter_words),
    message:
        "Tabulate and draw the parameters of {wildcards.fit}"
    script:
        "../scripts/parameters.py"


rule populations:
    input:
        fits=lambda wildcards: list(plan.fitted(wildcards.fit).values()),
    output:
        table=report(
            steps.POPULATIONS["table"],
            caption="../report/populations_table.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "all", "result": "populations", "form": "table"},
        ),
        cells=steps.POPULATIONS["cells"],
        differences=report(
            steps.POPULATIONS["differences"],
            caption="../report/differences.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "all", "result": "differences", "form": "table"},
        ),
        pdf=steps.POPULATIONS["pdf"],
        png=report(
            steps.POPULATIONS["png"],
            caption="../report/populations.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "all", "result": "populations", "form": "figure"},
        ),
    log:
        steps.POPULATIONS.log,
    benchmark:
        steps.POPULATIONS.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    params:
        names=lambda wildcards: list(plan.fitted(wildcards.fit)),
        entry=of_fit(samples.fit_parameters),
        column=of_fit(samples.column),
        left_out=lambda wildcards: plan.words_left_out(*plan.samples_of(wildcards.fit)),
        plugins=of_fit(samples.model_code),
    message:
        "Estimate the populations of cells of {wildcards.fit}"
    script:
        "../scripts/populations.py"


rule plot_quality:
    input:
        fits=lambda wildcards: list(plan.fitted(wildcards.fit).values()),
    output:
        pdf=steps.PLOT_QUALITY["pdf"],
        png=report(
            steps.PLOT_QUALITY["png"],
            caption="../report/quality.rst",
            category="Fits",
            subcategory="{fit}",
            labels={"fit": "{fit}", "sample": "all", "result": "quality", "form": "figure"},
        ),
    log:
        steps.PLOT_QUALITY.log,
    benchmark:
        steps.PLOT_QUALITY.benchmark
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    params:
        names=lambda wildcards: list(plan.fitted(wildcards.fit)),
        entry=of_fit(samples.fit_parameters),
        column=of_fit(samples.column),
        left_out=lambda wildcards: plan.words_left_out(*plan.samples_of(wildcards.fit)),
        plugins=of_fit(samples.model_code),
        in_force=of_fit(samples.parameter_words),
    message:
        "Draw how well {wildcards.fit} describes the traces"
    script:
        "../scripts/plot_quality.py"
