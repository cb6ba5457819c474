# Pages for people: plain ones of fields of view, interactive ones of samples and fits.
rule field_page:
    input:
        images=files(DatasetPlan.page_images),
        cells=files(DatasetPlan.measured_cells),
    output:
        page=steps.FIELD_PAGE["page"],
        thumbnail=steps.FIELD_PAGE["thumbnail"],
    log:
        steps.FIELD_PAGE.log,
    benchmark:
        steps.FIELD_PAGE.benchmark
    group:
        "fov"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(1000),
        runtime=more(15),
    message:
        "Make page: {wildcards.dataset}, field of view {wildcards.fov}"
    script:
        "../scripts/field_page.py"


rule sample_page:
    input:
        traces=steps.merged("traces"),
        cells=steps.merged("traces_cells"),
        about=steps.merged("traces", "csv"),
    output:
        page=steps.SAMPLE_PAGE["page"],
    log:
        steps.SAMPLE_PAGE.log,
    benchmark:
        steps.SAMPLE_PAGE.benchmark
    conda:
        "../envs/inspect.yaml"
    resources:
        mem_mb=more(4000),
        runtime=more(30),
    params:
        columns=lambda wildcards: samples.sample_columns(config, wildcards.sample),
    message:
        "Make page: sample {wildcards.sample}"
    script:
        "../scripts/sample_page.py"


rule fit_page:
    input:
        unpack(lambda wildcards: plan.page_images(wildcards.sample, wildcards.fit, fovs)),
        traces=steps.merged("traces"),
        cells=steps.merged("traces_cells"),
        fits=steps.FIT["fits"],
        models=lambda wildcards: plan.competing(wildcards.sample, wildcards.fit),
    output:
        page=steps.FIT_PAGE["page"],
    log:
        steps.FIT_PAGE.log,
    benchmark:
        steps.FIT_PAGE.benchmark
    conda:
        "../envs/inspect.yaml"
    resources:
        mem_mb=more(4000),
        runtime=more(60),
    params:
        entry=of_fit(samples.fit_parameters),
        column=of_fit(samples.column),
        area=lambda wildcards: samples.area_columns(
            config, wildcards.sample, plan.fits[wildcards.fit]
        ),
        plugins=of_fit(samples.model_code),
    message:
        "Make page: {wildcards.fit}, sample {wildcards.sample}"
    script:
        "../scripts/fit_page.py"


rule parameters_page:
    input:
        fits=lambda wildcards: list(plan.fitted(wildcards.fit).values()),
    output:
        page=steps.PARAMETERS_PAGE["page"],
    log:
        steps.PARAMETERS_PAGE.log,
    benchmark:
        steps.PARAMETERS_PAGE.benchmark
    conda:
        "../envs/inspect.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(15),
    params:
        names=lambda wildcards: list(plan.fitted(wildcards.fit)),
        entry=of_fit(samples.fit_parameters),
        column=of_fit(samples.column),
        left_out=lambda wildcards: plan.words_left_out(*plan.samples_of(wildcards.fit)),
        plugins=of_fit(samples.model_code),
    message:
        "Make page: {wildcards.fit}, all samples"
    script:
        "../scripts/parameters_page.py"


# Its start page says where everything stands, so it waits for everything.
rule pages_to_send:
    input:
        [] if plan.left_out else [dataset_results(dataset) for dataset in plan.datasets],
        plan.sample_files(),
        pages=plan.pages(),
    output:
        pages=report(
            directory(steps.TO_SEND["pages"]),
            htmlindex="index.html",
            caption="../report/pages.rst",
            category="Pages",
            labels={"page": "all of this run"},
        ),
    log:
        steps.TO_SEND.log,
    benchmark:
        steps.TO_SEND.benchmark
    conda:
        "../envs/fovea.yaml"
    message:
        "Gather the pages"
    script:
        "../scripts/pages_to_send.py"
