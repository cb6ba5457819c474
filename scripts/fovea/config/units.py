"""Units of features, traces and parameters of models."""

from __future__ import annotations

_PIXELS = {"area": "pixels", "perimeter": "pixels", "centroid_x": "pixels", "centroid_y": "pixels"}


def feature_unit(feature: str) -> str:
    """Return the unit of a feature, ``1`` for ratios and for features of unknown unit."""
    if feature.startswith("intensity_"):
        return "counts"
    return _PIXELS.get(feature, "1")


def trace_unit(column: str, area: object = None) -> str:
    """Return the unit of a feature's column, divided by the cells' area if that is given."""
    unit = feature_unit(column.rpartition("_ch_")[0])
    if not area:
        return unit
    return "1/pixel" if unit == "1" else f"{unit}/pixel"


def unit_of(parameter: str, trace: str) -> str:
    """Return the unit of a model's parameter, as declared with ``{y}``, for traces of a unit."""
    text = parameter.format(y=trace)
    return text if text == "1" else text.removeprefix("1 ")
