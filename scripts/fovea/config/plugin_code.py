"""What the rules ask about plug-ins: their code, and the environments of their methods."""

from __future__ import annotations

import os

from fovea.config.datasets import features_for


def plugin_code(config: dict, dataset: str, step: str) -> dict[str, str]:
    """Return the plug-in files that a step of a dataset uses, with a digest of each.

    Parameters
    ----------
    config : dict
        As returned by `validated`.
    dataset : str
        Name of the dataset.
    step : {"segmentation", "tracking", "extraction"}
    """
    from fovea.plugins import registry
    from fovea.plugins.loader import digests

    params = config["datasets"][dataset]["params"]
    if step == "segmentation":
        used = [(registry.SEGMENTATION, params["segmentation"]["method"])]
        used.append((registry.PREPROCESSING, params["preprocess"]))
    elif step == "tracking":
        used = [(registry.TRACKING, params["tracking"]["method"])]
    else:
        features = features_for(config, dataset)
        kinds = {"pc": registry.PHASE_FEATURES, "fl": registry.FLUORESCENCE_FEATURES}
        used = [(kinds[channel[:2]], name) for channel in features for name in features[channel]]
    return digests(used)


def plugin_environment(config: dict, dataset: str, step: str) -> str | None:
    """Return the conda environment file that the method of a step asks for, or None.

    Parameters
    ----------
    config : dict
        As returned by `validated`.
    dataset : str
        Name of the dataset.
    step : {"segmentation", "tracking"}

    Returns
    -------
    str or None
        An absolute path, for Snakemake takes relative ones from the folder of its rules.
    """
    from fovea.plugins import registry
    from fovea.plugins.loader import environment

    kinds = {"segmentation": registry.SEGMENTATION, "tracking": registry.TRACKING}
    file = environment(kinds[step], config["datasets"][dataset]["params"][step]["method"])
    return os.path.abspath(file) if file else None
