"""Features that are computed from others: quotients of two columns, named under `derived`."""

from __future__ import annotations

from collections.abc import Mapping

from fovea.config.datasets import features_for
from fovea.config.names import columns_of, quotient_column, split
from fovea.config.schema import Problems
from fovea.errors import unknown

SIGN = " / "


def derived_columns(config: Mapping, dataset: str) -> dict[str, tuple[str, str]]:
    """Return the derived columns of a dataset, each to the two columns that are divided."""
    measured = columns_of(features_for(config, dataset))
    pairs = (entry.split(SIGN) for entry in config["derived"])
    return {quotient_column(above, below): (above, below) for above, below in pairs
            if above in measured and below in measured}  # fmt: skip


def derived_features(config: Mapping, dataset: str, channel: int) -> list[str]:
    """Return the features that `analysis` may name for a channel of a dataset."""
    found = map(split, derived_columns(config, dataset))
    return [feature for feature, index in found if index == channel]


def check_derived(config: Mapping, problems: Problems) -> None:
    """Add to `problems` what is wrong with `derived`; nothing else is wrong with the config."""
    known: dict[str, str] = {}
    for dataset in config["datasets"]:
        known |= columns_of(features_for(config, dataset))
    for i, entry in enumerate(config["derived"]):
        above, below = entry.split(SIGN)
        missing = next((name for name in (above, below) if name not in known), None)
        if missing is not None:
            problems["derived", i] = unknown(missing, "column of any dataset", known)
        elif above == below:
            problems["derived", i] = f"{above} is divided by itself; name two columns"
        elif not any(quotient_column(above, below) in derived_columns(config, dataset)
                     for dataset in config["datasets"]):  # fmt: skip
            problems["derived", i] = (
                f"no dataset has both {above} and {below}; name two columns of one dataset, or add "
                "the features to its channels"
            )
