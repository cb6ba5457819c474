"""Provenance of a dataset: its recording, channels, parameters and versions of software."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from fovea import __version__
from fovea.jobs.atomic import whole_file
from fovea.jobs.checksums import read_text

#: Packages whose version can change a result.
PACKAGES = ("numpy", "scipy", "numba", "scikit-image", "numcodecs", "nd2", "tifffile", "snakemake")

_LOG = logging.getLogger("fovea")


def processing_config(
    metadata: str | Path,
    target: str | Path,
    dataset: dict,
    parameters: dict,
    log: logging.Logger = _LOG,
) -> None:
    """Write ``processing_config.yaml``.

    Parameters
    ----------
    metadata : path
        The dataset's ``metadata.yaml``.
    target : path
        The file to write.
    dataset : dict
        The dataset's entry in the config.
    parameters : dict
        The parameters as run: general ones, overridden by the dataset's own.
    """
    if dataset["channels"]["pc"] is None and not parameters["copy_only"]:
        log.warning(
            "there is no phase-contrast channel (channels.pc): no cells are found, so there are no "
            "crops and no traces, and the background is estimated from all pixels"
        )
    content = {
        "dataset": {key: value for key, value in dataset.items() if key != "params"},
        "params": parameters,
        "software": {"fovea": __version__, **{name: _version(name) for name in PACKAGES}},
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    recorded = read_text(metadata)
    text += "metadata:\n" + "".join(f"  {line}\n" for line in recorded.splitlines())
    with whole_file(target, checked=True) as temporary:
        temporary.write_text(text, "utf-8")
    log.info("written: %s", target)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
