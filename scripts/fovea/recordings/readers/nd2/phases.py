"""Which channels an ND2 experiment records in which frames, where its metadata say so.

A time lapse of several phases (NETimeLoop) may have further loops of its own in each phase
(``pSubLoops``, one for each period), among them the channels of that phase (a spectral loop). The
meaning of these entries is taken from the vendor's library limnd2
(https://github.com/Laboratory-Imaging/limnd2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import nd2

EXPERIMENT = "ImageMetadataLV"
SPECTRAL, NE_TIME = 6, 8  # numbers of loops


def raw_experiment(meta: nd2.ND2File) -> dict[str, Any]:
    """Return the experiment as the file has it; empty where it has none, or another form."""
    try:
        found = meta.unstructured_metadata(strip_prefix=False, include={EXPERIMENT})
    except Exception:  # `nd2` knows no common error for damaged metadata
        return {}
    return dict(found.get(EXPERIMENT) or {})


def planned_channels(
    experiment: Mapping[str, Any], names: Sequence[str | None], frames: int
) -> np.ndarray | None:
    """Return which channels are recorded in which frames.

    Parameters
    ----------
    experiment : mapping
        ``SLxExperiment`` with the names of its entries as in the file.
    names : sequence of str
        Names of the channels.
    frames : int
        Number of planned frames.

    Returns
    -------
    (T, C) bool, or None
        None where the phases do not differ in channels, or the metadata do not say.
    """
    loop = next((level for level in _levels(experiment) if level.get("eType") == NE_TIME), None)
    if loop is None:
        return None
    parameters = loop.get("uLoopPars", {})
    periods, inner = _items(parameters.get("pPeriod")), _items(parameters.get("pSubLoops"))
    valid = _items(parameters.get("pPeriodValid")) or [True] * len(periods)
    if not periods or not len(periods) == len(inner) == len(valid):
        return None
    rows = []
    for period, phase, used in zip(periods, inner, valid, strict=True):
        if used:
            own = _channels(phase)
            if not own or not own <= set(names):
                return None
            rows += [[name in own for name in names]] * int(period.get("uiCount", 0))
    planned = np.array(rows, bool).reshape(-1, len(names))
    return planned if len(planned) == frames and not planned.all() else None


def _items(value: Any) -> list[Any]:
    """Return the entries of a list, which may be stored as a mapping or as bytes."""
    return list(value.values()) if isinstance(value, Mapping) else list(value or ())


def _levels(level: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Go through a level of an experiment and all below it."""
    level = level.get("SLxExperiment", level)
    yield level
    for below in _items(level.get("ppNextLevelEx")):
        yield from _levels(below)


def _channels(phase: Mapping[str, Any]) -> set[str]:
    """Return the names of the channels in the loops of a phase."""
    for below in _levels(phase):
        if below.get("eType") == SPECTRAL:
            planes = below.get("uLoopPars", {}).get("pPlanes", {})
            listed = _items(planes.get("sPlaneNew") or planes.get("sPlane"))
            return {" ".join(str(plane.get("sDescription", "")).split()) for plane in listed}
    return set()
