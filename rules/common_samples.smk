import re

from fovea.config import samples
from fovea.runs import failed_fields as skipping
from fovea.config.datasets import channel_names
from fovea.config.trace_files import resolve_traces

FITS = samples.fits(config)
# In the second part of a run with skip_failed: what samples do without, and which are made.
LEFT_OUT, MADE_NOW = skipping.left_out_now()
SAMPLES = [name for name in samples.sample_names(config) if MADE_NOW is None or name in MADE_NOW]

if LEFT_OUT:

    envvars:
        skipping.VARIABLE,


def one_of(names):
    """A pattern that matches just these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    sample=one_of(SAMPLES),
    fit=one_of(FITS),
    group=one_of({group: 0 for name in SAMPLES for group in samples.comparisons(config, name)}),


def more(amount):
    """A function that gives a resource: twice the amount for the second attempt, and so on."""
    return lambda wildcards, attempt: amount << (attempt - 1)


def merge_memory(wildcards, input, attempt):
    """Memory for merging the tables of a sample, in MB."""
    return demand.merge_memory(input.size_mb, attempt)


def merge_minutes(wildcards, input, attempt):
    """Time for merging the tables of a sample, in minutes."""
    return demand.merge_minutes(input.size_mb, attempt)


def trace_datasets():
    """Datasets that are given by their traces."""
    return [name for name, dataset in config["datasets"].items() if dataset["traces"] is not None]


def trace_files(wildcards):
    """The files of a dataset that is given by its traces."""
    return resolve_traces(config["datasets"][wildcards.dataset]["traces"])


def processed():
    """Everything that is made of recordings; nothing in the second part of a run."""
    return [] if LEFT_OUT else [dataset_results(dataset) for dataset in recordings()]


def sample_fields(sample, dataset):
    """The fields of view of a sample in a dataset, without those that are left out."""
    without = LEFT_OUT.get(dataset, [])
    if without is None:
        return []
    chosen = samples.sample_fovs(config, sample, dataset, fovs(dataset))
    return [fov for fov in chosen if fov not in without]


def merge_files(sample):
    """A function that gives what a sample is merged from."""

    def files(wildcards):
        found = {"traces": [], "cells": [], "metadata": []}
        for dataset in samples.sample_parts(config, sample):
            if dataset in trace_datasets():
                found["traces"].append(f"results/{dataset}/{dataset}_traces.csv")
                continue
            try:
                listed = sample_fields(sample, dataset)
            except FoveaError:  # this job says what is wrong, and fails
                found["metadata"].append(f"results/{dataset}/processing_config.yaml")
                continue
            place = "results/{0}/fov_{1:03d}/{0}_fov_{1:03d}_{2}.csv"
            for table in ("traces", "cells"):
                found[table] += [place.format(dataset, fov, table) for fov in listed]
            if listed:
                found["metadata"].append(f"results/{dataset}/metadata.yaml")
        if config["curation"] and os.path.exists(config["curation"]):
            found["curation"] = config["curation"]
        return found

    return files


def merged_files(sample, suffix):
    """The tables of a sample, as its rule declares them."""
    names = ["traces", "traces_cells", *samples.sample_columns(config, sample)]
    return [f"results/merged/{{sample}}_{name}.{suffix}" for name in names]


def fitted_area(wildcards):
    """Dataset to the column of the area by which a fit divides, or None."""
    return samples.area_columns(config, wildcards.sample, FITS[wildcards.fit])


def several_datasets(wildcards):
    """Whether a sample is made of several datasets."""
    return len(samples.sample_parts(config, wildcards.sample)) > 1


def model_code(wildcards):
    """The code of the plug-in that a fit's model comes from."""
    return samples.model_code(FITS[wildcards.fit])


def compared_fits(wildcards):
    """The fits of the models that are compared."""
    members = samples.comparisons(config, wildcards.sample).get(wildcards.group, {})
    return [f"results/analysis/{wildcards.sample}_{fit}.csv" for fit in members.values()]


def fits_of_sample(wildcards):
    """All fits of a sample."""
    return [
        f"results/analysis/{wildcards.sample}_{fit}.csv"
        for fit, entry in FITS.items()
        if wildcards.sample in samples.samples_of(config, entry)
    ]


def fitted_samples(wildcards):
    """The samples that are fitted in one way."""
    return [name for name in samples.samples_of(config, FITS[wildcards.fit]) if name in SAMPLES]


def fits_of_all_samples(wildcards):
    """One fit of all samples."""
    return [f"results/analysis/{name}_{wildcards.fit}.csv" for name in fitted_samples(wildcards)]


def left_out_of_samples(wildcards):
    """What the samples of a fit do without, and samples that are not there at all, in words."""
    words = []
    for name in samples.samples_of(config, FITS[wildcards.fit]):
        part = samples.sample_parts(config, name)
        missing = [f"sample {name} (failed)"]
        words += samples.left_out_words(LEFT_OUT, part) if name in SAMPLES else missing
    return words


def results_of_sample(sample):
    """Everything that is made of one sample alone."""
    plots = "results/analysis/plots"
    files = merged_files(sample, "csv") + merged_files(sample, "parquet")
    files = [file.format(sample=sample) for file in files]
    files.append(f"{plots}/{sample}_traces.png")
    for fit, entry in FITS.items():
        if sample in samples.samples_of(config, entry):
            files.append(f"results/analysis/{sample}_{fit}.csv")
            if not samples.is_measure(entry):
                files.append(f"{plots}/{sample}_{fit}_examples.png")
            if entry["shared"]:
                files.append(f"results/analysis/{sample}_{fit}_shared_parameters.csv")
    for group in samples.comparisons(config, sample):
        files.append(f"results/analysis/{sample}_{group}_models.csv")
    if config["anndata"]:
        files.append(f"results/analysis/{sample}.h5ad")
    return files


def sample_results():
    """Everything that is made of samples."""
    files = [file for name in SAMPLES for file in results_of_sample(name)]
    if SAMPLES:
        files.append("results/analysis/plots/retention.png")
    for fit, entry in FITS.items():
        if set(samples.samples_of(config, entry)) & set(SAMPLES):
            files.append(f"results/analysis/{fit}_parameters.csv")
            if not samples.is_measure(entry):
                files.append(f"results/analysis/plots/{fit}_quality.png")
    return files


def go_on_without_failed(rows):
    """After a failed run: say which samples wait, or make them of what succeeded."""
    if text := skipping.failures(config, SAMPLES):
        print(text, file=sys.stderr)
    options = None if workflow.dag_settings.targets else command()
    if text := skipping.after_failure(config, rows, options, second_part=bool(LEFT_OUT)):
        print(text, file=sys.stderr)
