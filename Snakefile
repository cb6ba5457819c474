import os
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from snakemake.sourcecache import HostingProviderFile, LocalGitFile
from snakemake.utils import min_version

min_version("9.19")  # path variables, and the names of the profiles


# Of a hosted repository Snakemake gets single files, when a rule names them. Fovea's jobs need the
# library beside the scripts, so all files of the commit are written to .snakemake/fovea.
SOURCES = ""
source = workflow.current_basedir
if isinstance(source, (LocalGitFile, HostingProviderFile)):
    import git  # takes time, and needs the program of this name

    if isinstance(source, LocalGitFile):
        repository = git.Repo(source.repo_path)
    else:
        source.fetch_if_required()
        repository = source.hosted_repo.repo
    commit = repository.commit(source.ref).hexsha
    checkout = Path(".snakemake/fovea", commit).absolute()
    if not checkout.exists():
        checkout.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=checkout.parent) as folder:
            with tempfile.TemporaryFile() as packed:
                repository.archive(packed, commit)
                packed.seek(0)
                with tarfile.open(fileobj=packed) as files:
                    files.extractall(f"{folder}/all", filter="data")
            # Nothing but the library is found there, unlike in the folder of the scripts.
            os.mkdir(f"{folder}/all/library")
            os.symlink("../scripts/fovea", f"{folder}/all/library/fovea")
            try:
                os.rename(f"{folder}/all", checkout)
            except OSError:
                if not checkout.exists():  # else another process was first
                    raise
    SOURCES = f"{checkout / PurePosixPath(source.path).parent}/"


report: f"{SOURCES}report/workflow.rst"


include: f"{SOURCES}rules/command_line.smk"


for file in workflow.configfiles:
    check_config(file)


# A --configfile that has datasets replaces the default one: nobody wants the demo beside their data.
if "datasets" not in config:

    check_config("config/config.yaml")

    configfile: "config/config.yaml"


include: f"{SOURCES}rules/common.smk"
include: f"{SOURCES}rules/container.smk"
include: f"{SOURCES}rules/scheduler.smk"
include: f"{SOURCES}rules/handlers.smk"
include: f"{SOURCES}rules/simulate.smk"
include: f"{SOURCES}rules/inspect_input.smk"
include: f"{SOURCES}rules/copy_raw.smk"
include: f"{SOURCES}rules/segment.smk"
include: f"{SOURCES}rules/track.smk"
include: f"{SOURCES}rules/flat_field.smk"
include: f"{SOURCES}rules/background.smk"
include: f"{SOURCES}rules/photobleaching.smk"
include: f"{SOURCES}rules/crop.smk"
include: f"{SOURCES}rules/extract.smk"
include: f"{SOURCES}rules/cache.smk"
include: f"{SOURCES}rules/report.smk"
include: f"{SOURCES}rules/evaluate.smk"
include: f"{SOURCES}rules/merge.smk"
include: f"{SOURCES}rules/analysis.smk"
include: f"{SOURCES}rules/plots.smk"
include: f"{SOURCES}rules/pages.smk"


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
    prepare_tracking,
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
