import os
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.current_basedir).parent / "scripts"
sys.path.append(str(SCRIPTS))

from fovea.config import validation as fovea_config
from fovea.jobs import resources as demand
from fovea.jobs import orphaned
from fovea.runs import status as fovea_status
from fovea.errors import FoveaError
from fovea.recordings.inspect_input import fov_count
from fovea.config.inputs import resolve_input

FOV = "results/{dataset}/fov_{fov}"
IMAGES = f"{FOV}/images.zarr"
CELLS = f"{FOV}/cells.zarr"
LOGS = "logs/{dataset}/fov_{fov}"
BENCHMARKS = "benchmarks/{dataset}/fov_{fov}"


# Inputs that rules make; they need not exist when the config is read.
MADE_HERE = {"data/demo.ome.tiff"}
DEMO_TRUTH = os.path.join("data", "demo_truth")


def valid_config(given):
    """The config, checked and with its defaults; what is wrong with it, in plain words."""
    source = ", ".join(str(name) for name in workflow.configfiles) or "config"
    try:
        checked = fovea_config.validated(given, source=source)
        fovea_config.check_inputs(checked, made_by_workflow=MADE_HERE, source=source)
    except FoveaError as error:
        raise WorkflowError(str(error))
    return checked


config = valid_config(config)


wildcard_constraints:
    dataset="|".join(config["datasets"]),
    fov="\\d\\d\\d+",
    pc="\\d+",
    fl="\\d+",


# One core is what Snakemake counts a job as, so libraries must not start threads of their own.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


def params_of(dataset):
    """Parameters of a dataset: the general ones, overridden by its own."""
    return fovea_config.params_for(config, dataset)


def param(*keys):
    """A function that gives one parameter to a rule, so that only its change makes it run again."""

    def value(wildcards):
        found = params_of(wildcards.dataset)
        for key in keys:
            found = found[key]
        return found

    return value


def plugin_code(step):
    """A function that gives the code of the plug-ins that a step uses, so that its change counts."""

    def used(wildcards):
        return fovea_config.plugin_code(config, wildcards.dataset, step)

    return used


def environment(step):
    """A function that gives a step's conda environment: Fovea's, or that of a plug-in's method."""

    def file(wildcards):
        own = fovea_config.plugin_environment(config, wildcards.dataset, step)
        return own or "../envs/fovea.yaml"

    return file


def network_weights(wildcards):
    """The file of a network that segmentation uses, where the config names one."""
    given = params_of(wildcards.dataset)["segmentation"].get("weights")
    return [given] if given else []


def field_size(wildcards):
    """Frames, height and width of a field of view."""
    return demand.size(f"results/{wildcards.dataset}/metadata.yaml", int(wildcards.fov))


def seen_size(step, wildcards):
    """Size of a field of view as a step sees it: segmentation may enlarge the frames."""
    size = field_size(wildcards)
    if step != "segment":
        return size
    return demand.enlarged(size, params_of(wildcards.dataset)["segmentation"])


def memory(step):
    """A function that gives the memory that a step needs on a cluster, in MB."""

    def megabytes(wildcards, attempt):
        return demand.memory(step, seen_size(step, wildcards), attempt)

    return megabytes


def minutes(step):
    """A function that gives the time that a step is given on a cluster, in minutes."""

    def runtime(wildcards, attempt):
        channels = len(raw_channels(wildcards.dataset))
        return demand.minutes(step, seen_size(step, wildcards), channels, attempt)

    return runtime


def recordings():
    """Datasets that are recordings; the others are given by their traces."""
    return fovea_config.recordings(config)


def recording(wildcards):
    """The files of a dataset's recording."""
    source = config["datasets"][wildcards.dataset]["input"]
    made = isinstance(source, str) and os.path.normpath(source) in MADE_HERE
    return os.path.normpath(source) if made else resolve_input(source)


def expected_channels(wildcards):
    """Index to name of the channels that are used; None where the config states no name."""
    channels = config["datasets"][wildcards.dataset]["channels"]
    return {c["channel"]: c["name"] for c in [channels["pc"], *channels["fl"]] if c}


def raw_channels(dataset):
    """Group to index of the channels that are copied."""
    pc, fl = fovea_config.channel_indices(config, dataset)
    phase = {} if pc is None else {f"pc_ch_{pc}": pc}
    return phase | {f"fl_ch_{channel}": channel for channel in fl}


def phase_channel(dataset):
    """Index of the phase-contrast channel, or None."""
    return fovea_config.channel_indices(config, dataset)[0]


def fluorescence_channels(dataset):
    """Indices of the fluorescence channels."""
    return fovea_config.channel_indices(config, dataset)[1]


def derived_groups(dataset):
    """Channel groups that are computed from the raw ones."""
    params = params_of(dataset)
    if params["copy_only"]:
        return []
    pc, fl = phase_channel(dataset), fluorescence_channels(dataset)
    groups = [] if pc is None else [f"seg_labeled_ch_{pc}", f"seg_tracked_ch_{pc}"]
    return groups + background_groups(dataset)


def background_groups(dataset):
    """Channel groups that the background step writes."""
    fl = fluorescence_channels(dataset)
    groups = [f"fl_background_ch_{channel}" for channel in fl]
    if params_of(dataset)["background"]["save_corrected"]:
        groups += [f"fl_corrected_ch_{channel}" for channel in fl]
    return groups


def array_files(groups, level):
    """The file that is written last of each array."""
    return [f"{IMAGES}/{group}/{level}/zarr.json" for group in groups]


def group_files(groups):
    """The metadata of channel groups."""
    return [f"{IMAGES}/{group}/zarr.json" for group in groups]


def median_files(dataset):
    """The tile medians of each background."""
    fl = fluorescence_channels(dataset)
    return [f"{IMAGES}/fl_background_ch_{channel}/tile_medians/zarr.json" for channel in fl]


def phase_array(group):
    """A function that gives the array of a phase-contrast group, or nothing without phase contrast."""

    def files(wildcards):
        pc = phase_channel(wildcards.dataset)
        return [] if pc is None else f"{IMAGES}/{group}_ch_{pc}/0/zarr.json".format(**wildcards)

    return files


def drift_file(dataset, section):
    """The table of the drift where a section of the parameters asks for it, in a list."""
    wanted = params_of(dataset)[section]["drift"] and phase_channel(dataset) is not None
    wanted = wanted and not params_of(dataset)["copy_only"]
    return [f"{FOV}/{{dataset}}_fov_{{fov}}_drift.csv"] if wanted else []


def cells_output(dataset):
    """What the crop step declares: the file it writes last, or all of a store that is not kept."""
    if params_of(dataset)["cropping"]["keep"]:
        return f"{CELLS}/zarr.json"
    return temp(directory(CELLS))


def cells_input(wildcards):
    """The crops as the crop step declares them."""
    keep = params_of(wildcards.dataset)["cropping"]["keep"]
    return (f"{CELLS}/zarr.json" if keep else CELLS).format(**wildcards)


def features(wildcards):
    """Channel to features, in the order of the columns."""
    return fovea_config.features_for(config, wildcards.dataset)


def background_params(dataset):
    """Parameters of the background step; the weight only where it is used there."""
    params = dict(params_of(dataset)["background"])
    if not params["save_corrected"]:
        del params["weight"]
    return params


def flat_field_files(dataset):
    """The gain of each fluorescence channel, where it is corrected for."""
    if params_of(dataset)["flat_field"]["method"] == "none":
        return []
    fl = fluorescence_channels(dataset)
    return [f"results/{{dataset}}/flat_field_ch_{channel}.tif" for channel in fl]


def flat_fields(wildcards):
    """The gains for the traces of a field of view."""
    return [file.format(**wildcards) for file in flat_field_files(wildcards.dataset)]


def flat_field_params(wildcards):
    """What a channel's gain depends on."""
    params = params_of(wildcards.dataset)["flat_field"]
    return {key: params[key] for key in ("method", "dark")}


def flat_field_recording(wildcards):
    """The recording, if the gain is estimated from it."""
    method = params_of(wildcards.dataset)["flat_field"]["method"]
    return recording(wildcards) if method == "recording" else []


def flat_field_image(wildcards):
    """The image that a channel's gain is taken from, if it is."""
    params = params_of(wildcards.dataset)["flat_field"]
    return [params["images"][wildcards.fl]] if params["method"] == "image" else []


def with_photobleaching():
    """Datasets whose trend of fluorescence is reported."""
    return [
        dataset
        for dataset in with_phase()
        if fluorescence_channels(dataset) and params_of(dataset)["photobleaching"]
    ]


def with_phase():
    """Datasets with a phase-contrast channel."""
    return [dataset for dataset in recordings() if phase_channel(dataset) is not None]


def with_fluorescence():
    """Datasets with a fluorescence channel."""
    return [dataset for dataset in recordings() if fluorescence_channels(dataset)]


def overview_images(wildcards):
    """The arrays that the overview figure shows."""
    dataset = wildcards.dataset
    groups = [f"seg_tracked_ch_{phase_channel(dataset)}"] if dataset in with_phase() else []
    groups = list(raw_channels(dataset))[:1] + groups
    return [file.format(**wildcards) for file in array_files(groups, 0)]


def overview_traces(wildcards):
    """The traces that the overview figure shows, where there are any."""
    if wildcards.dataset not in with_phase():
        return []
    return f"{FOV}/{{dataset}}_fov_{{fov}}_traces.csv".format(**wildcards)


def with_reference():
    """Datasets whose results can be scored."""
    return [dataset for dataset in with_phase() if config["datasets"][dataset]["reference"]]


def reference_file(wildcards):
    """The reference of a field of view, or the folder that the workflow makes it in."""
    path = config["datasets"][wildcards.dataset]["reference"].replace("{fov}", wildcards.fov)
    return DEMO_TRUTH if os.path.normpath(path).startswith(f"{DEMO_TRUTH}{os.sep}") else path


def scores(wildcards):
    """The scores of all datasets with a reference."""
    return [
        f"results/report/{dataset}_fov_{fov:03d}_scores.csv"
        for dataset in with_reference()
        for fov in fovs(dataset)
    ]


def fovs(dataset):
    """The fields of view of a dataset; those of an explicit list are known without its metadata."""
    if config["datasets"][dataset]["fovs"] != "all":
        return fovea_config.dataset_fovs(config, dataset)
    metadata = checkpoints.inspect_input.get(dataset=dataset).output.metadata
    return fovea_config.dataset_fovs(config, dataset, fov_count(metadata))


def fov_results(dataset, fov):
    """Everything that is made of one field of view."""
    groups = list(raw_channels(dataset)) + derived_groups(dataset)
    files = [f"{IMAGES}/zarr.json"] + array_files(groups, 0) + group_files(groups)
    if not params_of(dataset)["copy_only"]:
        files += array_files(groups, 1) + median_files(dataset)
        if phase_channel(dataset) is not None:
            tables = ["traces", "cells", "lineage", "drift"]
            if dataset in with_photobleaching():
                tables += ["photobleaching", "photobleaching_fits"]
            files += [f"{FOV}/{{dataset}}_fov_{{fov}}_{table}.csv" for table in tables]
            if params_of(dataset)["cropping"]["keep"]:
                files.append(f"{CELLS}/zarr.json")
    return [file.format(dataset=dataset, fov=f"{fov:03d}") for file in files]


def dataset_results(dataset):
    """A function that gives everything that is made of one dataset.

    One for each, so that none waits for the recording of another to be inspected.
    """
    return lambda wildcards: _dataset_results(dataset)


def _dataset_results(dataset):
    files = [f"results/{dataset}/metadata.yaml", f"results/{dataset}/processing_config.yaml"]
    try:
        listed = fovs(dataset)
    except FoveaError:  # processing_config says what is wrong; the other datasets are processed
        return files
    for fov in listed:
        files += fov_results(dataset, fov)
    if not params_of(dataset)["copy_only"]:
        files.append(f"results/report/{dataset}_fov_{listed[0]:03d}.png")
    return files


def write_status(failed=False):
    """Write results/status.csv; after a failed run, say what failed, why, and what to do."""
    rows = fovea_status.collect(config)
    without = skipping.left_out_of(config, LEFT_OUT)
    fovea_status.write(rows, "results/status.csv", without)
    if failed and (text := fovea_status.failures(rows, command())):
        print(text, file=sys.stderr)
    if failed:
        go_on_without_failed(rows)


def command():
    """The command line of this run, for people to repeat."""
    program, *options = sys.argv
    found = shutil.which("snakemake")
    short = found and os.path.realpath(found) == os.path.realpath(program)
    return ["snakemake" if short else program, *options]


def cancel_leftovers():
    """Cancel jobs on a cluster that an earlier run of this folder has left."""
    try:
        jobs = orphaned.cancel_leftovers()
    except FoveaError as error:
        raise WorkflowError(str(error))
    if jobs:
        print(f"Cancelled jobs that an earlier run has left: {' '.join(jobs)}", file=sys.stderr)
    return jobs


def stop_if_jobs_were_left():
    """Stop: a plan made while other jobs were at work does not hold, for they clean up at their end."""
    if cancel_leftovers():
        raise WorkflowError("Nothing has been started; give the same command again")


# Who unlocks a folder says that its run was killed. Later would be too late: see above.
if "--unlock" in sys.argv:
    cancel_leftovers()
