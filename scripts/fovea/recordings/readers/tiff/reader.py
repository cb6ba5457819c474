"""TIFF of every kind: OME-TIFF in one or many files, ImageJ hyperstacks, plain stacks."""

from __future__ import annotations

import contextlib
import os

from fovea.errors import FoveaError
from fovea.recordings.readers.base import join
from fovea.recordings.readers.checks import nothing_complete
from fovea.recordings.readers.tiff.align import align_channels
from fovea.recordings.readers.tiff.heads import read_head
from fovea.recordings.readers.tiff.ndtiff import index_of, ndtiff_stacks
from fovea.recordings.readers.tiff.ome import is_part_of_set, ome_stacks, slices_as_frames
from fovea.recordings.readers.tiff.ome_set import is_companion
from fovea.recordings.readers.tiff.pages import TiffSources, collect_log
from fovea.recordings.readers.tiff.plain import plain_stacks
from fovea.recordings.readers.tiff.stack import TiffStack, TiffStacksRecording


def belong_together(files: list[str], base: str | os.PathLike[str]) -> bool:
    """Return whether any of the files is part of a set (OME-TIFF, NDTiff), as it states."""
    if all(index_of(file, base) for file in files):
        return True
    with contextlib.closing(TiffSources()) as sources:
        return any(is_part_of_set(sources, file, base) for file in files)


class TiffRecording(TiffStacksRecording):
    """One TIFF file, or the files of OME-TIFF sets; `axes` and `sizes` as for `plain_stacks`."""

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
            ndtiff = axes is None and index_of(file, base) is not None
            # several files are those of sets, of which the first may be damaged
            ome = not ndtiff and (
                len(files) > 1 or is_companion(file) or read_head(join(base, file)).ome
            )
            stacks: list[TiffStack] = []
            with collect_log([]):
                if ndtiff:
                    stacks = ndtiff_stacks(self._sources, files, base, remarks)
                elif ome and axes is None:
                    stacks = ome_stacks(self._sources, files, base, remarks)
                elif ome and axes is not None and not sizes:
                    with contextlib.suppress(FoveaError):  # then `axes` are all that is known
                        stacks = slices_as_frames(self._sources, file, base, axes, remarks)
                if not stacks:
                    stacks = plain_stacks(self._sources, file, base, axes, sizes, remarks)
            if not stacks:
                raise nothing_complete(self.source)
            _check_alike(stacks)
            align_channels(stacks)
            self._stacks = stacks
            kind = "NDTiff" if ndtiff else "OME-TIFF" if ome and axes is None else "TIFF"
            self.info = self.describe_stacks(kind, list(files), remarks)


def _check_alike(stacks: list[TiffStack]) -> None:
    """Raise FoveaError unless all positions have the same pixel type."""
    readable = [stack for stack in stacks if stack.readable] or stacks
    for stack in stacks:
        if not stack.readable:
            stack.dtype = readable[0].dtype
        if stack.dtype != readable[0].dtype:
            raise FoveaError(
                f"{stack.source}: its positions have different pixel types "
                f"({readable[0].dtype} and {stack.dtype}); save those that are alike as files of "
                "their own"
            )
