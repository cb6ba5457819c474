"""TIFF without OME-XML: ImageJ, other series that tifffile knows, and plain stacks of pages."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.tiff.about import micro_manager, pixel_size, series_facts
from fovea.recordings.readers.tiff.pages import (
    LOST,
    TiffSource,
    TiffSources,
    check_page,
    collect_log,
)
from fovea.recordings.readers.tiff.stack import ContiguousStack, PageStack, PageTable, TiffStack
from fovea.recordings.readers.units import seconds

PLAIN_KINDS = ("generic", "uniform", "nih", "sis", "mdgel")


def plain_stacks(
    sources: TiffSources,
    file: str,
    base: str | os.PathLike[str],
    axes: str | None,
    sizes: dict[str, int] | None,
    notes: list[str],
) -> list[TiffStack]:
    """Return the fields of view of one TIFF file that has no OME-XML; append remarks to `notes`.

    `axes`, e.g. ``"TCYX"``, slowest first, and `sizes`, e.g. ``{"C": 2}``, are the config's. It is
    a FoveaError if neither the file nor the config says what the pages are.
    """
    path = join(base, file)
    source = sources.get(path, file)
    page = source.page(0)
    check_page(source, page)
    if source.cut_off:
        notes.append(f"{file} is cut off: pages at its end are missing")
    if axes is not None:
        return _stacks_by_axes(source, page, path, axes, sizes or {})
    if source.tif.is_imagej and source.tif.imagej_metadata is not None:
        return [_imagej_stack(source, page, path)]
    with collect_log(source.complaints):
        series = source.tif.series
    if any(one.kind not in PLAIN_KINDS for one in series):
        return [_series_stack(source, one, path) for one in series]
    if source.complaints and file.lower().endswith((".ome.tif", ".ome.tiff")):
        raise FoveaError(LOST.format(file))
    if source.count > 1 and "Axes" in micro_manager(page):
        raise FoveaError(
            f"{file}: NDTiff.index, which says what its {source.count} pages are, is not beside "
            "it or does not list it; copy that file too, or name the axes in the config, e.g. "
            f"`input: {{files: {file}, axes: TYX}}`"
        )
    if source.count > 1:
        raise FoveaError(
            f"{file}: does not say what its {source.count} pages are; name the axes in the config, "
            f"e.g. `input: {{files: {file}, axes: TYX}}` (T time, C channel, Z plane, P position)"
        )
    return [_page_stack(source, page, path, _pages((1, 1, 1), 0, (0, 0, 0), 1))]


def _page_stack(source: TiffSource, page: Any, path: str, pages: np.ndarray) -> PageStack:
    table = PageTable.of_file(pages, path, source.name)
    return PageStack(**_common(source, page, pages.shape), table=table)


def _pages(sizes: tuple[int, ...], first: int, strides: tuple[int, ...], count: int) -> np.ndarray:
    """Return the page of each plane, (T, C, Z) int64, -1 beyond the last of `count`."""
    steps = zip(np.indices(sizes, np.int64), strides, strict=True)
    pages = first + sum(index * stride for index, stride in steps)
    return np.where(pages < count, pages, -1)


def _stacks_by_axes(
    source: TiffSource, page: Any, path: str, axes: str, sizes: dict[str, int]
) -> list[TiffStack]:
    """Return the fields of view of a file whose axes the config names."""
    axes = axes.upper()
    outer = axes[:-2]
    if axes[-2:] != "YX" or len(set(outer)) != len(outer) or set(outer) - set("PTCZ"):
        raise FoveaError(
            f"input: axes {axes!r} must be some of P, T, C, Z (each once, slowest first), then YX"
        )
    count, contiguous = source.count, None
    if source.tif.is_shaped and not sizes:
        with collect_log(source.complaints):
            shape = [n for n in source.tif.series[0].shape[:-2] if len(source.tif.series) == 1]
        if len(shape) == len(outer):
            sizes = dict(zip(outer, shape, strict=True))
    whole: TiffStack | None = None
    if source.tif.is_imagej and source.tif.imagej_metadata is not None:
        whole = _imagej_stack(source, page, path)
        if not sizes and _are_slices(whole, outer):
            whole.swap_frames_and_planes()
            return [whole]
        contiguous = whole if count == 1 else None
    elif count == 1:
        whole = contiguous = _planes_of_one_page(source, page, path)
    if contiguous is not None:
        count = math.prod(contiguous.sizes)
    size = {axis: int(sizes.get(axis, 0)) for axis in outer}
    if any(n < 0 for n in size.values()) or set(sizes) - set(outer):
        raise FoveaError(f"input: sizes {sizes} must be positive numbers for axes of {axes!r}")
    unknown = [axis for axis in outer if not size[axis]]
    if len(unknown) > 1:
        example = ", ".join(f"{axis}: 2" for axis in unknown[1:])
        raise FoveaError(
            f"{source.name}: has {count} pages; how many along {' and '.join(unknown[1:])}? "
            f"Add e.g. `sizes: {{{example}}}` beside `axes` in the config"
        )
    known = math.prod(n for n in size.values() if n)
    if unknown:
        size[unknown[0]] = -(-count // known)
    elif count > known:
        raise FoveaError(
            f"{source.name}: has {count} pages, but axes {axes!r} with sizes {sizes} explain "
            f"{known}; correct the config"
        )
    stride = {axis: math.prod(size[a] for a in outer[i + 1 :]) for i, axis in enumerate(outer)}
    shape, steps = _by_axis(size, 1), _by_axis(stride, 0)
    stacks: list[TiffStack] = []
    for p in range(size.get("P", 1)):
        first = p * stride.get("P", 0)
        if isinstance(contiguous, ContiguousStack):
            plane = page.imagelength * page.imagewidth * page.dtype.itemsize
            offset = contiguous.offset + first * plane
            stacks.append(_contiguous(source, page, path, shape, offset, steps))
        else:
            stacks.append(_page_stack(source, page, path, _pages(shape, first, steps, count)))
    if whole is not None:
        for stack in stacks:
            stack.pixel_size_um, stack.interval_s = whole.pixel_size_um, whole.interval_s
            stack.stamps = whole.stamps if outer == "T" else None
    return stacks


def _are_slices(stack: TiffStack, outer: str) -> bool:
    """Return whether a stack is one frame of z planes that the axes `outer` call frames."""
    frames, channels, planes = stack.sizes
    named = set(outer) == {"T", "C"} or (set(outer) == {"T"} and channels == 1)
    return frames == 1 < planes and named


def _planes_of_one_page(source: TiffSource, page: Any, path: str) -> ContiguousStack | None:
    """Return the planes that follow the only page of a file, if its program says there are some."""
    with collect_log(source.complaints):
        series = source.tif.series
    if len(series) != 1 or series[0].dataoffset is None or page.bitspersample not in (8, 16):
        return None
    count = math.prod(series[0].shape) // (page.imagelength * page.imagewidth)
    if count < 2:
        return None
    stack = _contiguous(source, page, path, (count, 1, 1), series[0].dataoffset, (1, 1, 1))
    _add_facts(stack, source, series[0].kind)
    return stack


def _add_facts(stack: TiffStack, source: TiffSource, kind: str) -> None:
    """Add what the program that wrote a series states about it."""
    facts, (frames, channels, _) = series_facts(source.tif, kind), stack.sizes
    stack.pixel_size_um = facts.pixel_size_um or stack.pixel_size_um
    if facts.seconds is not None and len(facts.seconds) == frames:
        stack.stamps = np.repeat([facts.seconds], channels, axis=0)


def _by_axis(values: dict[str, int], default: int) -> tuple[int, ...]:
    return tuple(values.get(axis, default) for axis in "TCZ")


def _contiguous(
    source: TiffSource, page: Any, path: str, sizes: tuple[int, ...], offset: int,
    strides: tuple[int, ...],
) -> ContiguousStack:  # fmt: skip
    common = _common(source, page, sizes)
    return ContiguousStack(**common, path=path, offset=offset, strides=strides, stored=page.dtype)


def _common(source: TiffSource, page: Any, sizes: tuple[int, ...]) -> dict[str, Any]:
    return {
        "source": source.name,
        "name": "",
        "height": page.imagelength,
        "width": page.imagewidth,
        "dtype": check_page(source, page),
        "sizes": sizes,
        "pixel_size_um": pixel_size(page),
    }


def _imagej_stack(source: TiffSource, page: Any, path: str) -> TiffStack:
    """Return an ImageJ hyperstack: pages, or planes that follow its only page."""
    meta = source.tif.imagej_metadata
    keys = "frames", "channels", "slices"
    frames, channels, slices = (max(1, int(meta.get(key, 1))) for key in keys)
    total = frames * channels * slices
    if total == 1:
        frames = total = max(int(meta.get("images", 1)), source.count)
    order = str(meta.get("order", "czt")).lower()
    if sorted(order) != ["c", "t", "z"]:
        order = "czt"
    size = {"t": frames, "c": channels, "z": slices}
    stride, step = {}, 1
    for axis in order:  # fastest first
        stride[axis] = step
        step *= size[axis]
    strides, sizes = (stride["t"], stride["c"], stride["z"]), (frames, channels, slices)
    labels = meta.get("Labels") or []
    plane_bytes = page.imagelength * page.imagewidth * page.dtype.itemsize
    following = source.next_page_offset(page)
    if (
        total > 1
        and page.is_contiguous
        and page.bitspersample in (8, 16)
        and (following == 0 or following >= page.dataoffsets[0] + total * plane_bytes)
    ):
        stack: TiffStack = _contiguous(source, page, path, sizes, page.dataoffsets[0], strides)
    else:
        stack = _page_stack(source, page, path, _pages(sizes, 0, strides, source.count))
    stack.pixel_size_um = pixel_size(page, str(meta.get("unit", "")), str(meta.get("yunit", "")))
    interval, unit = meta.get("finterval"), seconds(str(meta.get("tunit", "s")))
    if isinstance(interval, (int, float)) and unit is not None:
        stack.interval_s = float(f"{interval * unit:.15g}")
    if channels > 1 and len(labels) == channels:
        stack.channels = [str(label) for label in labels]
    return stack


def _series_stack(source: TiffSource, series: Any, path: str) -> TiffStack:
    """Return a series that tifffile understood, if Fovea knows its axes."""
    axes, shape = series.get_axes(False), series.get_shape(False)
    page = series.keyframe
    unnamed = math.prod(n for axis, n in zip(axes, shape, strict=True) if axis in "IQ")
    if unnamed > 1:
        raise FoveaError(
            f"{source.name}: does not say what its {unnamed} planes are; name the axes in the "
            f"config, e.g. `input: {{files: {source.name}, axes: TYX}}`"
        )
    size = dict(zip(axes, shape, strict=True))
    if size.get("S", 1) > 1:
        check_page(source, page)
    odd = [axis for axis in axes if axis not in "TCZYXSIQ" and size[axis] > 1]
    if odd:
        raise FoveaError(
            f"{source.name}: has an axis {odd[0]} of {size[odd[0]]} steps, which Fovea does not "
            "know; export it as OME-TIFF with one file per position"
        )
    outer = [axis for axis in axes if axis not in "YXSIQ"]
    stride = {a: math.prod(size[b] for b in outer[i + 1 :]) for i, a in enumerate(outer)}
    sizes, steps = _by_axis(size, 1), _by_axis(stride, 0)
    if series.dataoffset is not None and page.bitspersample in (8, 16):
        stack: TiffStack = _contiguous(source, page, path, sizes, series.dataoffset, steps)
    else:
        stack = _series_pages(source, series, path, sizes, steps)
    _add_facts(stack, source, series.kind)
    return stack


def _series_pages(
    source: TiffSource, series: Any, path: str, sizes: tuple[int, ...], steps: tuple[int, ...]
) -> PageStack:
    """Return a series of which each plane is a page, perhaps in another file."""
    table = PageTable(sizes)
    for plane in np.ndindex(sizes):
        number = sum(i * step for i, step in zip(plane, steps, strict=True))
        own = series.pages[number] if number < len(series.pages) else None
        if own is not None and own.parent is source.tif:
            table.put(plane, path, source.name, own.index)
        elif own is not None:  # of a series in several files
            name = f"{source.name} ({own.parent.filename})"
            table.put(plane, own.parent.filehandle.path, name, own.index)
    return PageStack(**_common(source, series.keyframe, sizes), table=table)
