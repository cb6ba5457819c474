"""Names of channel groups and of columns, and the units of what a column holds.

A channel group is an array of `images.zarr` or `cells.zarr` and is called after what it holds and
its channel, ``fl_background_ch_1``. A column is called after a feature and its channel,
``intensity_total_ch_1``. Both are put together and taken apart here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

_CHANNEL = "_ch_"
_PER = "_per_"
_PIXELS = dict.fromkeys(
    ("area", "perimeter", "centroid_x", "centroid_y", "saturated_pixels"), "pixels"
)
#: Measures in pixels to the same in micrometers: the name, and the unit.
_PHYSICAL = {
    "position_x": ("position_x_um", "µm"),
    "position_y": ("position_y_um", "µm"),
    "area": ("area_um2", "µm²"),
    "perimeter": ("perimeter_um", "µm"),
    "centroid_x": ("centroid_x_um", "µm"),
    "centroid_y": ("centroid_y_um", "µm"),
}


def group_name(kind: str, channel: int | str) -> str:
    """Return the name of a channel group; `channel` may be a wildcard.

    Kinds are pc, fl, seg_labeled, seg_tracked, fl_background and fl_corrected.
    """
    return f"{kind}{_CHANNEL}{channel}"


def column(feature: str, channel: int | str) -> str:
    """Return the name of the column of a feature in a channel, also of ``time``."""
    return f"{feature}{_CHANNEL}{channel}"


def quotient_column(above: str, below: str) -> str:
    """Return the column of the quotient of two columns, in the channel of the first.

    ``intensity_total_per_area_ch_0_ch_1``: its feature is ``intensity_total_per_area_ch_0``.
    """
    feature, channel = split(above)
    return column(f"{feature}{_PER}{below}", channel)


def error_column(name: str) -> str:
    """Return the column of the standard errors of a derived column."""
    feature, channel = split(name)
    return column(f"{feature}_se", channel)


def columns_of(features: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return column to the channel group that it is measured in, in the order of tables.

    Parameters
    ----------
    features : mapping of str to iterable of str
        Channel group to its features.
    """
    return {column(feature, channel_of(group)): group
            for group, found in features.items() for feature in found}  # fmt: skip


def physical_columns(columns: Iterable[str]) -> dict[str, str]:
    """Return column in micrometers to the column in pixels that it is computed from.

    They stand behind all columns of a table, where the size of a pixel is known. `columns` are
    those of the features; the position is among the sources in any case.
    """
    columns = list(columns)
    found = {}
    for source in ("position_x", "position_y", *columns):
        feature, mark, channel = source.partition(_CHANNEL)
        if feature in _PHYSICAL:
            name = f"{_PHYSICAL[feature][0]}{mark}{channel}"
            if name not in columns:  # a feature of a plug-in may be called so
                found[name] = source
    return found


def time_column(table: Container[str], name: str) -> str:
    """Return the column that holds the times of another one, of those that a table has."""
    own = column("time", channel_of(name))
    return own if own in table else "time"


def split(name: str) -> tuple[str, int]:
    """Return kind and channel of a channel group, or feature and channel of a column.

    ValueError if the name does not end with a channel.
    """
    what, _, channel = name.rpartition(_CHANNEL)
    return what, int(channel)


def channel_of(name: str) -> int:
    """Return the index of the channel of a channel group or a column."""
    return split(name)[1]


def feature_of(name: str) -> str:
    """Return the feature of a column; the name itself where it has no channel."""
    return name.rpartition(_CHANNEL)[0] or name


def feature_unit(feature: str) -> str:
    """Return the unit of a feature, ``1`` for ratios and for features of unknown unit."""
    above, mark, below = feature.partition(_PER)
    if mark and _CHANNEL in below:
        top, bottom = feature_unit(above), feature_unit(feature_of(below))
        if top == bottom or bottom == "1":
            return "1" if top == bottom else top
        return f"{top}/{bottom.removesuffix('s')}"
    if feature.startswith("intensity_"):
        return "counts"
    physical = dict(_PHYSICAL.values())
    if feature in physical:
        return physical[feature]
    return _PIXELS.get(feature, "1")


def trace_unit(column: str, area: object = None) -> str:
    """Return the unit of a feature's column, divided by the cells' area if that is given."""
    unit = feature_unit(feature_of(column))
    if not area:
        return unit
    return "1/pixel" if unit == "1" else f"{unit}/pixel"


def unit_of(parameter: str, trace: str) -> str:
    """Return the unit of a model's parameter, as declared with ``{y}``, for traces of a unit."""
    text = parameter.format(y=trace)
    return text if text == "1" else text.removeprefix("1 ")
