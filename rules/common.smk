from fovea.config import datasets, edited, roots, samples, validation
from fovea.config.aligned import aligned_inputs
from fovea.config.dataset_plan import DatasetPlan
from fovea.config.inputs import resolve_traces
from fovea.config.paths import DEMO_RECORDING, DEMO_TRUTH, fill
from fovea.config.plan import Plan
from fovea.jobs import resources
from fovea.recordings.inspect_input import fov_count
from fovea.runs import added_channels, archived, check_tables, exchanged, failed_fields


def planned(given):
    """The config, checked and with its defaults, and what it asks for."""
    source = ", ".join(str(name) for name in workflow.configfiles) or "config"
    try:
        given = written.typed(given, workflow.config_settings.config)
        # What Snakemake has of the config, of the module statement, and of the host's own folders.
        known = workflow.pathvars.apply
        folders = {name: known(f"<{name}>") for name in roots.FOLDERS}
        given[roots.KEY] = given.get(roots.KEY, {}) | folders
        checked = validation.validated(given, source=source)
        absent = archived.archived(checked)
        validation.check_inputs(
            checked, made_by_workflow={DEMO_RECORDING}, source=source, archived=absent
        )
        found = Plan(checked, *failed_fields.left_out_now())
        found.check(source)
        if workflow.is_main_process:
            check_tables.check_curation(checked, source)
            archived.check_archived(found, absent, source)
            exchanged.check_exchanged(found, absent)
        added_channels.plan_added(found, at_start=workflow.is_main_process)
    except FoveaError as error:
        raise WorkflowError(str(error))
    return checked, found, absent


config, plan, absent = planned(config)
paths, steps = plan.paths, plan.steps

# One core is what Snakemake counts a job as, so libraries must not start threads of their own.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


def one_of(names):
    """A pattern that matches just these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


FOV = "\\d\\d\\d+"


def readable(datasets):
    """A pattern that matches those of the datasets whose recording is there."""
    return one_of([dataset for dataset in datasets if dataset not in absent])


wildcard_constraints:
    dataset=one_of(config["datasets"]),
    fov=FOV,
    pc="\\d+",
    fl="\\d+",
    sample=one_of(plan.samples),
    fit=one_of(plan.fits),
    aligned=one_of(plan.aligned),
    group=one_of(plan.all_comparisons()),


def of_dataset(ask):
    """A function of wildcards that asks the plan of the job's dataset."""
    return lambda wildcards: ask(plan.datasets[wildcards.dataset])


def files(ask):
    """An input function: files of the job's field of view, as the plan of its dataset has them."""
    return lambda wildcards: [
        fill(file, **wildcards) for file in ask(plan.datasets[wildcards.dataset])
    ]


def of_fit(ask):
    """A function of wildcards that asks about the job's entry of `analysis`."""
    return lambda wildcards: ask(plan.fits[wildcards.fit])


def arrays(*kinds):
    """An input function: the arrays of these kinds, such as `fl`, of the job's field of view."""
    return files(lambda dataset: paths.arrays(dataset.groups(*kinds)))


def group_files(*kinds):
    """An input function: the metadata of the channel groups of these kinds."""
    return files(lambda dataset: paths.group_files(dataset.groups(*kinds)))


def param(*keys):
    """A function that gives one parameter to a rule, so that only its change makes it run again."""

    def value(wildcards):
        found = plan.datasets[wildcards.dataset].params
        for key in keys:
            found = found[key]
        return found

    return value


def environment(step):
    """A function that gives a step's conda environment: Fovea's, or that of a plug-in's method."""
    return of_dataset(lambda dataset: dataset.environment(step) or "../envs/fovea.yaml")


def gpus(step):
    """The resource `gpu` of a step, where the plug-in of any dataset asks for one.

    No more of these jobs run at a time than this computer has GPUs, if `--resources` says nothing
    else. A cluster has its own count; there each job asks for one.
    """
    if not any(dataset.gpus(step) for dataset in plan.datasets.values()):
        return {}
    known = workflow.global_resources
    if workflow.is_main_process and not on_cluster() and "gpu" not in known:
        workflow.register_resource("gpu", resources.gpus())
    return {"gpu": of_dataset(lambda dataset: dataset.gpus(step))}


def on_cluster():
    """Whether jobs are submitted to other computers."""
    return workflow.global_resources["_nodes"].value is not None


def threads(step):
    """A function that gives a step several cores where there are more than fields of view.

    Not on a cluster, where all of these run at once, and not to code of plug-ins.
    """

    def number(wildcards):
        dataset = plan.datasets[wildcards.dataset]
        cores = workflow.resource_settings.cores or 1
        if cores == 1 or on_cluster():
            return 1
        if step == "segment" and dataset.plugin_code("segmentation"):
            return 1
        return resources.threads(cores, plan.field_count())

    return number


def more(amount):
    """A function that gives a resource: twice the amount for the second attempt, and so on."""
    return lambda wildcards, attempt: amount << (attempt - 1)


def memory(step):
    """A function that gives the memory that a step needs on a cluster, in MB."""

    def megabytes(wildcards, attempt):
        dataset = plan.datasets[wildcards.dataset]
        return resources.memory(
            step, dataset.size(step, wildcards.fov), attempt, dataset.more_memory(step)
        )

    return megabytes


def minutes(step):
    """A function that gives the time that a step is given on a cluster, in minutes."""

    def runtime(wildcards, attempt):
        dataset = plan.datasets[wildcards.dataset]
        channels = len(dataset.groups("pc", "fl"))
        size = dataset.size(step, wildcards.fov)
        seconds = dataset.more_seconds(step)
        return resources.minutes(step, size, channels, attempt, seconds)

    return runtime


def fovs(dataset):
    """The fields of view of a dataset; those of an explicit list are known without its metadata."""
    if config["datasets"][dataset]["fovs"] != "all":
        return datasets.dataset_fovs(config, dataset)
    known = fill(paths.METADATA, dataset=dataset)
    if workflow.dag_settings.until:  # Snakemake ends such a run at a checkpoint, and runs nothing
        if not os.path.exists(known):
            atexit.register(print, inspect_first(plan.datasets), file=sys.stderr)
            raise WorkflowError("--until cannot be used yet")
        return datasets.dataset_fovs(config, dataset, fov_count(known))
    if dataset in absent:  # no job inspects it
        return datasets.dataset_fovs(config, dataset, fov_count(known))
    metadata = checkpoints.inspect_input.get(dataset=dataset).output.metadata
    return datasets.dataset_fovs(config, dataset, fov_count(metadata))


def dataset_results(dataset):
    """A function that gives everything that is made of one dataset.

    One for each, so that none waits for the recording of another to be inspected.
    """

    def files(wildcards):
        try:
            return plan.dataset_files(dataset, fovs(dataset))
        except FoveaError:  # processing_config says what is wrong; the other datasets are processed
            return plan.dataset_files(dataset, [])

    return files
