"""TIFF of every kind: OME-TIFF in one or many files, ImageJ hyperstacks, plain stacks."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.checks import nothing_complete
from fovea.recordings.readers.tiff.ome import is_ome, is_part_of_set, ome_stacks
from fovea.recordings.readers.tiff.pages import TiffSources, collect_log
from fovea.recordings.readers.tiff.plain import plain_stacks
from fovea.recordings.readers.tiff.stack import TiffStack, TiffStacksRecording


def belong_together(files: list[str], base: str | os.PathLike[str]) -> bool:
    """Return whether files are parts of one OME-TIFF set, as the first of them states."""
    with contextlib.closing(TiffSources()) as sources:
        return is_part_of_set(sources, files[0], base)


class TiffRecording(TiffStacksRecording):
    """One TIFF file, or the files of one OME-TIFF set; `axes` and `sizes` as for `plain_stacks`."""

    def __init__(
        self,
        files: str | list[str],
        base: str | os.PathLike[str] = ".",
        *,
        axes: str | None = None,
        sizes: dict[str, int] | None = None,
    ) -> None:
        files = [files] if isinstance(files, str) else files
        self.source = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        super().__init__()
        file = files[0]
        remarks: list[str] = []
        with self.closed_on_error():
            with collect_log([]):
                ome = axes is None and (
                    file.lower().endswith(".ome")
                    or is_ome(self._sources.get(join(base, file), file).description())
                )
                if ome:
                    self._stacks = ome_stacks(self._sources, files, base, remarks)
                else:
                    self._stacks = plain_stacks(self._sources, file, base, axes, sizes, remarks)
            if not self._stacks:
                raise nothing_complete(self.source)
            for stack in self._stacks:
                _check_alike(self._stacks[0], stack)
            self.info = self.describe_stacks("OME-TIFF" if ome else "TIFF", list(files), remarks)


def _check_alike(first: TiffStack, other: TiffStack) -> None:
    """Raise FoveaError unless all positions have the same channels and pixel type."""
    pairs: dict[str, tuple[Any, Any]] = {
        "numbers of channels": (first.sizes[1], other.sizes[1]),
        "pixel types": (first.dtype, other.dtype),
    }
    for what, (a, b) in pairs.items():
        if a != b:
            raise FoveaError(
                f"{other.source}: its positions have different {what} ({a} and {b}); "
                "save those that are alike as files of their own"
            )
