import shutil

from fovea.jobs import orphaned
from fovea.runs import status

if plan.left_out:

    envvars:
        failed_fields.VARIABLE,


def command():
    """The command line of this run, for people to repeat."""
    program, *options = sys.argv
    found = shutil.which("snakemake")
    short = found and os.path.realpath(found) == os.path.realpath(program)
    return ["snakemake" if short else program, *options]


def write_status(failed=False):
    """Write results/status.csv; after a failed run, say what failed, why, and what to do."""
    rows = status.collect(plan)
    status.write(rows, paths.STATUS, failed_fields.left_out_of(plan, plan.left_out))
    if not failed:
        return
    # With targets, the run was not to make samples.
    options = None if workflow.dag_settings.targets else command()
    for text in (
        status.failures(rows, command()),
        failed_fields.failures(plan),
        failed_fields.after_failure(plan, rows, options),
    ):
        if text:
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


# `--unlock` implies that the run before was killed. Its jobs are cancelled here, because a run that
# finds them at its start has built its DAG while they were still running, and has to stop.
if "--unlock" in sys.argv:
    cancel_leftovers()


onstart:
    if cancel_leftovers():
        raise WorkflowError("Nothing has been started; give the same command again")
    write_status()


onsuccess:
    write_status()


onerror:
    write_status(failed=True)
