"""`results/index.csv`: all tables and figures, what made them, and what other configs left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fovea import __version__
from fovea.config import samples
from fovea.config.made_from import dataset_digest, digest, recording_of
from fovea.config.plan import Plan
from fovea.config.steps import Step
from fovea.jobs.atomic import whole_csv

_HEADER = ("file", "made_by", "step", "dataset_or_sample", "recording", "parameters", "fovea")
_SHOWN = (".csv", ".parquet", ".png", ".pdf", ".h5ad", ".tif", ".html")


def write_index(
    plan: Plan, places: Iterable[tuple[str, str]], old: Sequence[str], folder: str | Path = "."
) -> None:
    """Write the index of the results; it holds no date, so the same run gives the same bytes.

    Parameters
    ----------
    places : iterable of (str, str)
        Dataset and number of each field of view that is processed.
    old : sequence of str
        What the config does not make, as `fovea.runs.old_results.old_results` returns it.
    """
    folder = Path(folder)
    rows = [
        (file, "this config", step.name, *about, __version__)
        for step, *about in _steps(plan, places)
        for file in step.files
        if file.endswith(_SHOWN) and (folder / file).exists()
    ]
    rows += [(file, "another config", "", "", "", "", "") for file in old]
    with whole_csv(folder / plan.paths.INDEX, _HEADER, checked=False) as lines:
        lines.writerows(sorted(rows))


def _steps(plan: Plan, places: Iterable[tuple[str, str]]) -> Iterator[tuple[Step, str, str, str]]:
    """Yield steps with the dataset or sample, the recording, and the digest of the parameters."""
    entries = plan.config["datasets"]
    digests = {name: dataset_digest(entry) for name, entry in entries.items()}
    sources = {name: recording_of(entry) for name, entry in entries.items()}
    for name, step in plan.traces.items():
        yield step, name, sources[name], digests[name]
    for name, dataset in plan.datasets.items():
        for step in dataset.dataset_steps():
            yield step, name, sources[name], digests[name]
    for name, fov in places:
        if fov:
            more = (plan.steps.FIELD_PAGE, plan.steps.OVERVIEW, plan.steps.EVALUATE)
            for step in (*plan.datasets[name].field_steps(), *more):
                yield step.of(dataset=name, fov=fov), name, sources[name], digests[name]
    fits = {fit: samples.fit_parameters(entry) for fit, entry in plan.fits.items()}
    for sample in plan.samples:
        parts = samples.sample_parts(plan.config, sample)
        made = digest(parts, [digests[name] for name in parts], plan.config["curation"], fits)
        for step in plan.sample_steps(sample):
            yield step, sample, "; ".join(sources[name] for name in parts), made
    every = digest(digests, fits)
    for step in plan.common_steps():
        yield step, "; ".join(plan.samples), "; ".join(dict.fromkeys(sources.values())), every
