import threading

from snakemake.scheduling.job_scheduler import JobScheduler


def look_for_jobs_once_a_second():
    """Let no more than one timer at a time make Snakemake look for jobs to start.

    As it is (9.27), every look starts a timer that leads to another look, and the end of every job
    adds a look of its own: after n jobs it looks n times a second. With 500 fields of view that
    takes a whole core and holds up the jobs. A Snakemake without this method stays as it is.
    docs/workarounds.md has the measurement and the report.
    """

    def look_again(scheduler, delay):
        if scheduler.__dict__.setdefault("look_is_due", False):
            return
        scheduler.look_is_due = True
        # A daemon, so that the end of a run does not wait for it.
        timer = threading.Timer(delay, look, [scheduler])
        timer.daemon = True
        timer.start()

    def look(scheduler):
        scheduler.look_is_due = False
        scheduler._open_jobs.release()

    if hasattr(JobScheduler, "_schedule_reevalutation"):
        JobScheduler._schedule_reevalutation = look_again


look_for_jobs_once_a_second()
