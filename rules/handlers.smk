from fovea.jobs import orphaned
from fovea.pages.report import start_page
from fovea.runs import (
    cell_counts,
    check_recording,
    check_tables,
    clock,
    deletion,
    index,
    old_results,
    renamed,
    room,
    status,
    summary,
)
from fovea.runs.remarks import remarks as all_remarks

# What jobs are told beside the config.
if any(dataset.added for dataset in plan.datasets.values()):

    envvars:
        added_channels.VARIABLE,


if plan.left_out:

    envvars:
        failed_fields.VARIABLE,


# Snakemake calls handlers of the main Snakefile only. Of a module, `close` does what is left.
IS_MODULE = not workflow.modifier.is_main_snakefile()
modifier = workflow.modifier.path_modifier
if modifier.prefix is not None or modifier.modifies_prefixes:
    raise WorkflowError(
        "Fovea as a module takes no prefix of paths, because it reads its results while it plans; "
        "remove prefix or replace_prefix from the module (names of rules may have a prefix)"
    )
WORKING_FOLDER = os.getcwd()
run_failed = run_refused = False

if workflow.is_main_process:
    for text in (
        archived.words(absent),
        renamed.words(renamed.renamed(plan), paths.RESULTS),
        failed_fields.SKIPS_NOTHING if IS_MODULE and config["skip_failed"] else "",
    ):
        if text:
            print(text, file=sys.stderr)


def jobs_due():
    """Rule and wildcards of each job that is still to be done."""
    return [(job.rule.name, job.wildcards_dict) for job in workflow.dag.needrun_jobs()]


def show_fields():
    """Let the terminal show a line for each field of view in place of several for each job.

    Only with `quiet` as in profiles/default, so that who gives that option gets what it says.
    """
    if [quiet.name for quiet in workflow.output_settings.quiet or ()] != ["REASON"]:
        return
    for handler in TERMINAL:
        handler.addFilter(terminal.passes)
        logger.addHandler(terminal.FieldLines(plan, jobs_due))
        logger.info(terminal.HINT)


def clean_command():
    """The command that moves old results away; None where it would not know the whole config."""
    if workflow.config_settings.config or len(workflow.configfiles) > 1:
        return None
    words = ["fovea", "clean"]
    if workflow.overwrite_workdir is not None:
        words += ["--directory", str(workflow.overwrite_workdir)]
    for file in workflow.configfiles:
        if str(file) != "config/config.yaml":
            words += ["--configfile", str(file)]
    return shlex.join(words)


@atexit.register
def close():
    """Say last, also of a run that had nothing to do: old files, missing cells, what failed.

    Snakemake calls none of the handlers below where there is nothing to do.
    """
    if workflow.is_main_process and deletion.deletes_all(sys.argv):
        deletion.remove_remains(plan, WORKING_FOLDER)
        return
    planned_only = getattr(workflow, "scheduler", None) is None
    if workflow.is_main_process and planned_only and not workflow.dryrun:
        say_read_only(os.path.join(WORKING_FOLDER, paths.RESULTS))
    ran = workflow.is_main_process and not planned_only
    if not ran or run_refused or workflow.dryrun or workflow.touch:
        return
    # Snakemake has gone back to the folder in which it was called.
    origin, words = os.getcwd(), command()
    os.chdir(WORKING_FOLDER)
    failed = workflow.scheduler.failed if IS_MODULE else run_failed
    said = texts_of(what_failed, words, origin) if failed else []
    if not plan.left_out:  # else the first part of the run will say it
        said = [*texts_of(what_was_made, words), *said]
    for text in dict.fromkeys(filter(None, said)):
        print(text, file=sys.stderr)


def say_read_only(folder):
    """Say what is wrong where Snakemake calls files write-protected, and starts nothing."""
    if os.path.exists(folder) and not os.access(folder, os.W_OK):
        print(
            f"{folder}: cannot be written: its disk is mounted read-only, or its permissions "
            "forbid it; mend that, and give the same command again",
            file=sys.stderr,
        )


def texts_of(ask, *given):
    """What a function says; where results are damaged, or cannot be written, that."""
    try:
        return ask(*given)
    except FoveaError as error:
        return [f"Fovea: {error}"]
    except OSError as error:
        return [f"Fovea: {error.filename}: {error.strerror}; what is said of the run is not whole"]


def what_was_made(words):
    """Texts that say what the results hold; writes the index of the results and the start page."""
    rows = status.collect(plan)
    places = [(row.dataset, row.fov) for row in rows]
    old = [] if IS_MODULE else old_results.old_results(plan)
    remarks = [old_results.words(old, paths.RESULTS, clean_command()), *all_remarks(plan, places)]
    if IS_MODULE:
        write_status()
    index.write_index(plan, places, old)
    start_page.write(plan, rows, remarks, words)
    # That there are no cells comes last of what did not fail.
    empty = cell_counts.without_cells(plan, places)
    others = [text for text in remarks if text != empty]
    return [*others, summary.summary(plan, rows), empty]


def what_failed(words, origin):
    """Texts that say what failed, why, and what to do; with `skip_failed`, make the samples.

    The reasons come last, for the end of the terminal is what people read.
    """
    rows = status.collect(plan)
    # With targets, or for another workflow, the run was not to make samples.
    again = None if workflow.dag_settings.targets or IS_MODULE else words
    return [
        failed_fields.after_failure(plan, rows, again, origin=origin),
        failed_fields.failures(plan),
        status.failures(rows, words, paths.STATUS),
        room.rest(plan, rows),
        clock.words(clock.ahead(inputs_due())),
    ]


def write_status():
    """Write the table of states; where that is not possible, say so."""

    def write():
        rows = status.collect(plan)
        status.write(rows, paths.STATUS, failed_fields.left_out_of(plan, plan.left_out))
        return []

    for text in texts_of(write):
        print(text, file=sys.stderr)


def cancel_leftovers():
    """Cancel jobs on a cluster that an earlier run of this folder has left."""
    try:
        jobs = orphaned.cancel_leftovers()
    except FoveaError as error:
        raise WorkflowError(str(error))
    if jobs:
        print(f"Cancelled jobs that an earlier run has left: {' '.join(jobs)}", file=sys.stderr)
    return jobs


def inputs_due():
    """Files that jobs read that are still to be done."""
    return {str(file) for job in workflow.dag.needrun_jobs() for file in job.input}


def mend_times():
    """Give results that a wrong clock has dated in the future the time of now."""
    made = (
        str(file)
        for job in workflow.dag.jobs
        for file in (*job.output, job.benchmark)
        if file is not None
    )
    try:
        text = clock.redate(inputs_due(), made)
    except FoveaError as error:
        raise WorkflowError(f"{error}\nNothing has been started")
    if text:
        print(text, file=sys.stderr)


def compare_with_recordings():
    """Stop before the first job if the config does not fit a recording that was inspected before.

    What is to be inspected now is compared then: the recording may have been exchanged.
    """
    due = {job.wildcards.dataset for job in workflow.dag.needrun_jobs()
           if job.rule.name == "inspect_input"}  # fmt: skip
    try:
        check_recording.check_recordings(config, [n for n in plan.datasets if n not in due])
    except FoveaError as error:
        raise WorkflowError(f"{error}\nNothing has been started")


def warn_of_full_disk():
    """Say at the start where the fields of view that are to be copied will not fit."""
    due = {(job.wildcards.dataset, job.wildcards.fov) for job in workflow.dag.needrun_jobs()
           if job.rule.name.startswith("copy_raw")}  # fmt: skip
    text = room.words(plan, due)
    if text:
        print(text, file=sys.stderr)


def check_users_tables():
    """Stop before the first job if curation, edited tracks, or traces beside recordings are wrong.

    Traces alone are read by the first jobs in any case.
    """
    due = [
        dict(job.params.items()) | {"paths": [str(path) for path in job.input.traces]}
        for job in workflow.dag.needrun_jobs()
        if job.rule.name == "import_traces" and plan.datasets
    ]
    tracks = [(str(file), job.wildcards.dataset, int(job.wildcards.fov))
              for job in workflow.dag.needrun_jobs() if job.rule.name.startswith("track")
              for file in job.input.edited]  # fmt: skip
    try:
        check_tables.check_tables(config, due, tracks)
    except FoveaError as error:
        raise WorkflowError(f"{error}\nNothing has been started")


# `--unlock` implies that the run before was killed. Its jobs are cancelled here, because a run that
# finds them at its start has built its DAG while they were still running, and has to stop.
if "--unlock" in sys.argv:
    cancel_leftovers()


onstart:
    global run_refused
    run_refused = True
    if cancel_leftovers():
        raise WorkflowError("Nothing has been started; give the same command again")
    mend_times()
    compare_with_recordings()
    check_users_tables()
    warn_of_full_disk()
    run_refused = False
    write_status()
    show_fields()


onsuccess:
    write_status()


onerror:
    global run_failed
    run_failed = True
    write_status()
