from snakemake.utils import min_version

min_version("9.0")


# A --configfile that has datasets replaces the default one: nobody wants the demo beside their data.
if "datasets" not in config:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/simulate.smk"
include: "rules/inspect_input.smk"
include: "rules/compile_kernels.smk"
include: "rules/copy_raw.smk"
include: "rules/segment.smk"
include: "rules/track.smk"
include: "rules/background.smk"
include: "rules/crop.smk"
include: "rules/extract.smk"
include: "rules/cache.smk"
include: "rules/report.smk"


localrules:
    all,
    processing_config,


rule all:
    default_target: True
    input:
        all_results,
    message:
        "All results are there"


onstart:
    write_status()


onsuccess:
    write_status()


onerror:
    write_status(failed=True)
