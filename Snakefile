from snakemake.utils import min_version

min_version("9.0")


report: "report/workflow.rst"


include: "rules/command_line.smk"


for file in workflow.configfiles:
    check_config(file)


# A --configfile that has datasets replaces the default one: nobody wants the demo beside their data.
if "datasets" not in config:

    check_config("config/config.yaml")

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/scheduler.smk"
include: "rules/handlers.smk"
include: "rules/simulate.smk"
include: "rules/inspect_input.smk"
include: "rules/copy_raw.smk"
include: "rules/segment.smk"
include: "rules/track.smk"
include: "rules/flat_field.smk"
include: "rules/background.smk"
include: "rules/photobleaching.smk"
include: "rules/crop.smk"
include: "rules/extract.smk"
include: "rules/cache.smk"
include: "rules/report.smk"
include: "rules/evaluate.smk"
include: "rules/merge.smk"
include: "rules/analysis.smk"
include: "rules/plots.smk"
include: "rules/pages.smk"


# Light, or needed before anything else can be planned: done where Snakemake runs, also on a cluster.
localrules:
    all,
    compare,
    evaluate,
    inspect_input,
    overview,
    pages_to_send,
    parameters,
    parameters_page,
    plot_quality,
    plot_retention,
    prepare_segmentation,
    processing_config,


rule all:
    default_target: True
    input:
        # Nothing of recordings in the second part of a run that skips failed fields of view.
        [] if plan.left_out else [dataset_results(dataset) for dataset in plan.datasets],
        plan.sample_files(),
        steps.TO_SEND.files,
    message:
        "All results are there"
