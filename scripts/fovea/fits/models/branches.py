"""Points of parameter space with the same curve: which there are for a model, and how to tell them.

``{model}(**parameters)`` takes the parameters of a model, (N,) float64 each, and returns for each
branch, in the order of the model's `branches`, the parameters that differ between the branches.
They are the same for every point that is given of the same curve, up to rounding.
"""

from __future__ import annotations

import numpy as np

Branches = dict[str, dict[str, np.ndarray]]


def trivial(delta, beta, **_) -> Branches:
    """Either rate may be that of the mRNA; a branch is named after the larger rate."""
    high, low = np.maximum(delta, beta), np.minimum(delta, beta)
    return {"delta": {"delta": high, "beta": low}, "beta": {"delta": low, "beta": high}}


def base(mrna_degradation_rate_min, protein_degradation_rate_min, **_) -> Branches:
    """Those of `trivial`."""
    names = {"delta": "mrna_degradation_rate_min", "beta": "protein_degradation_rate_min"}
    found = trivial(mrna_degradation_rate_min, protein_degradation_rate_min)
    return {names[branch]: {names[key]: value for key, value in changed.items()}
            for branch, changed in found.items()}  # fmt: skip


def maturation(ktl, km, delta, beta, **_) -> Branches:
    """Return the branches of `maturation`.

    The curve is ktl km times a symmetric function of delta, beta and beta + km, so that each of
    these three may be the mRNA's; of the other two, the smaller is the protein's. In the branch
    `km` the mRNA has the middle rate (beta < delta < beta + km), in `delta` the largest, and in
    `beta` the smallest.
    """
    least, middle, most = np.sort(np.broadcast_arrays(delta, beta, beta + km), axis=0)
    gain = ktl * km

    def of(mrna, protein, immature):
        maturing = immature - protein
        with np.errstate(divide="ignore", invalid="ignore"):
            return {"ktl": gain / maturing, "km": maturing, "delta": mrna, "beta": protein}

    return {
        "km": of(middle, least, most),
        "delta": of(most, least, middle),
        "beta": of(least, middle, most),
    }
