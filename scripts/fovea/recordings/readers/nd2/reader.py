"""ND2: metadata as the library `nd2` reads them, pixels straight from the file."""

from __future__ import annotations

import struct
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.checks import check_pixels, nothing_complete, reading, rgb_error
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.readers.nd2.chunks import (
    ATTRIBUTES,
    FRAME,
    Frames,
    Mended,
    chunk_data,
    find_chunks,
)
from fovea.recordings.readers.nd2.phases import planned_channels, raw_experiment
from fovea.recordings.readers.nd2.skipped import ImageRows
from fovea.recordings.readers.raw import RawRecording, read_interleaved
from fovea.recordings.readers.skipped import SkippedPlanes
from fovea.recordings.readers.stack import Stack, StackRecording
from fovea.recordings.readers.stamps import Times, regular_times

if TYPE_CHECKING:
    import nd2


TIMES = b"CustomData|AcqTimesCache!"


class Nd2Recording(RawRecording, StackRecording):
    """A modern ND2 file (format versions 2 and 3)."""

    def _open(self) -> None:
        if self._file.size >= 4 and self._file.read(0, 4) == b"\0\0\0\x0c":
            raise FoveaError(
                f"{self.source}: is a legacy ND2 file (JPEG 2000), which Fovea does not read; "
                "open it in NIS-Elements and save it as a new ND2, or export it as OME-TIFF"
            )
        self._chunks = find_chunks(self._file)
        frames = self._chunks.frames(self._file.size)
        notes = []
        missing: dict[bytes, bytes] = {}
        if not self._chunks.has_map:
            if not len(frames):
                raise nothing_complete(self.source)
            notes.append("the file is cut off: its end is missing; the complete frames were found")
            if ATTRIBUTES not in self._chunks.entries:
                from fovea.recordings.readers.nd2.rescue import guess_attributes

                missing[ATTRIBUTES], note = guess_attributes(self._file, self._chunks, frames)
                notes.append(note)
        with (
            reading(self.source),
            warnings.catch_warnings(action="ignore"),
            self._metadata_file(missing) as meta,
        ):
            self._read_metadata(meta, frames, notes)

    def _metadata_file(self, missing: dict[bytes, bytes]) -> nd2.ND2File:
        import nd2

        # The map is given without images: those of a large file become 50 MB of objects in nd2.
        return nd2.ND2File(Mended(self._file, self._chunks, missing))

    def _read_metadata(self, meta: nd2.ND2File, frames: Frames, notes: list[str]) -> None:
        attributes = meta.attributes
        if meta.components_per_channel > 1:
            raise rgb_error(self.source)
        if attributes.compressionType == "lossy":
            raise FoveaError(
                f"{self.source}: is compressed with losses, which Fovea does not read; "
                "export it as OME-TIFF from NIS-Elements"
            )
        bits = attributes.bitsPerComponentInMemory
        kind = "f" if attributes.pixelDataType == "float" else "u"
        height, width = attributes.heightPx, attributes.widthPx or 0
        dtype = check_pixels(self.source, f"<{kind}{bits // 8}", height, width)
        components = attributes.componentCount
        self._dtype = np.dtype(f"<{kind}{bits // 8}")
        self._shape = (height, width, components)
        self._row_bytes = attributes.widthBytes or width * components * self._dtype.itemsize
        self._packed = attributes.compressionType == "lossless"

        if self._chunks.has_map:
            # images beyond the file's own count were never recorded
            frames = frames.below(attributes.sequenceCount)
        if not len(frames):
            raise nothing_complete(self.source)
        self._images = frames
        self._sequence = _sequence_numbers(meta.experiment, frames, notes)
        channels = (meta.metadata.channels or []) if meta.metadata else []
        names = [" ".join((channel.channel.name or "").split()) for channel in channels]
        rows = ImageRows(
            self._file.path, self.source, frames, self._shape, self._dtype, self._row_bytes,
            self._packed,
        )  # fmt: skip
        images = np.where(np.isin(self._sequence, frames.numbers), self._sequence, -1)

        def look(fov: int) -> np.ndarray:
            with rows:
                return rows.look(images[fov])

        there = np.broadcast_to(
            (images >= 0)[:, :, None], (*images.shape[:2], components, images.shape[2])
        )
        planned = planned_channels(raw_experiment(meta), names, images.shape[1])
        self._skips = SkippedPlanes(look, there.__getitem__, len(there), planned)
        positions, count, planes = self._sequence.shape
        self._stacks = [
            Stack(
                self.source, "", height, width, dtype, (count, components, planes),
                [channel.channel.name for channel in channels], _pixel_size(channels),
                significant_bits=attributes.bitsPerComponentSignificant,
            )
            for _ in range(positions)
        ]  # fmt: skip
        _place_fields(self._stacks, meta)
        self._nominal = _nominal(meta.experiment, count)
        day = _start_day(meta)
        self._zero = None if day is None else day * 86400
        self.info = self.describe_stacks("ND2", [self.source], notes)
        self._seconds = self._read_stamps()

    def existing_planes(self, fov: int) -> np.ndarray:
        return self.planes(fov)[0]

    def planes(self, fov: int) -> tuple[np.ndarray, np.ndarray]:
        there = np.isin(self._sequence[fov], self._images.numbers)
        recorded = ~self._skips.skipped(fov)
        return there[:, None] & recorded, recorded

    def stamps(self, info: FieldInfo) -> np.ndarray:
        # The time of a frame is that of its first plane.
        images = self._sequence[info.index, info.frame_numbers]
        there = np.isin(images, self._images.numbers)
        first = images[np.arange(len(images)), there.argmax(axis=1)]
        return self._seconds[self._images.place(first)]

    def find_times(self, info: RecordingInfo) -> Times:
        info.remarks += self._skips.remarks(info)
        stamps = [self.stamps(field) for field in info.fields]
        return stamps, [self._nominal] * len(stamps), self._zero

    def _read_stamps(self) -> np.ndarray:
        """Return the acquisition time of each existing image, (N,) float64 in seconds."""
        numbers = self._images.numbers
        cache = np.empty(0)
        if self._chunks.has_map and TIMES in self._chunks.entries:
            start, length = chunk_data(self._file, self._chunks.entries[TIMES][0], TIMES)
            cache = np.frombuffer(self._file.read(start, length // 8 * 8), "<f8")
        last = int(numbers[-1])
        if len(cache) > last and (last == 0 or np.ptp(cache[: last + 1]) > 0):
            return cache[numbers] / 1000
        # The chunk of each image begins with its time.
        starts = (self._frame_data(number)[0] for number in numbers.tolist())
        times = (struct.unpack("<d", self._file.read(start, 8))[0] for start in starts)
        return np.fromiter(times, np.float64, len(numbers)) / 1000

    def _frame_data(self, number: int) -> tuple[int, int]:
        return chunk_data(self._file, self._images.offset(number), FRAME + b"%d!" % number)

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        number = int(self._sequence[fov, frame, z])
        start, length = self._frame_data(number)
        if self._packed:
            return self._unpack(number, start, length, channels)
        height, width, count = self._shape
        needed = (height - 1) * self._row_bytes + width * count * self._dtype.itemsize
        if length < 8 + needed:
            raise self._damaged(number, f"{length} bytes instead of {8 + needed}")
        return read_interleaved(
            self._file, start + 8, self._shape, self._dtype, self._row_bytes, channels
        )

    def _unpack(
        self, number: int, start: int, length: int, channels: list[int]
    ) -> list[np.ndarray]:
        height, width, count = self._shape
        try:
            data = zlib.decompress(self._file.read(start + 8, max(0, length - 8)))
            strides = (self._row_bytes, count * self._dtype.itemsize, self._dtype.itemsize)
            image = np.ndarray((height, width, count), self._dtype, data, 0, strides)
        except (zlib.error, TypeError) as error:
            raise self._damaged(number, str(error)) from error
        native = self._dtype.newbyteorder("=")
        return [np.array(image[:, :, c], dtype=native, order="C") for c in channels]

    def _damaged(self, number: int, why: str) -> FoveaError:
        return FoveaError(
            f"{self.source}: image {number} is damaged ({why}); copy it again from the microscope, "
            "or leave out its field of view"
        )


def _sequence_numbers(loops: list[Any], frames: Frames, notes: list[str]) -> np.ndarray:
    """Return the sequence number of every planned image, (P, T, Z) int64, for any loop order."""
    axis = {"TimeLoop": 1, "NETimeLoop": 1, "ZStackLoop": 2, "XYPosLoop": 0, "CustomLoop": 0}
    counts = [loop.count for loop in loops]
    roles = [axis.get(loop.type, 0) for loop in loops]
    if any(loop.type == "CustomLoop" and loop.count > 1 for loop in loops):
        notes.append("a loop of unknown meaning is taken as further positions")
    total = int(np.prod(counts, dtype=np.int64))
    last = int(frames.numbers[-1])
    if not counts and last > 0:
        counts, roles, total = [last + 1], [1], last + 1
        notes.append("the file names no loop; its images are taken as frames in time")
    elif last >= total:
        notes.append(
            f"the file holds {last + 1} images, its loops explain {total}; the others are left out"
        )
    numbers = np.arange(total).reshape(counts or [1])
    if not counts:
        return numbers.reshape(1, 1, 1)
    # The sort is stable, so nested loops of one role keep their order.
    order = sorted(range(len(counts)), key=lambda i: roles[i])
    sizes = [int(np.prod([counts[i] for i in order if roles[i] == r])) for r in range(3)]
    return np.ascontiguousarray(numbers.transpose(order).reshape(sizes))


def _place_fields(fields: list[Stack], meta: nd2.ND2File) -> None:
    """Set names and stage positions."""
    loop = next((loop for loop in meta.experiment if loop.type == "XYPosLoop"), None)
    if loop is not None and len(loop.parameters.points) == len(fields):
        for field, point in zip(fields, loop.parameters.points, strict=True):
            field.name = " ".join((point.name or "").split())
            x, y, z = point.stagePositionUm
            field.position_um = {"x": float(x), "y": float(y)}
            if loop.parameters.isSettingZ:
                field.position_um["z"] = float(z)
    elif len(fields) == 1:
        try:
            position = meta.frame_metadata(0).channels[0].position.stagePositionUm
        except (AttributeError, IndexError, KeyError):
            return
        x, y, z = (float(v) for v in position)
        if (x, y, z) != (0.0, 0.0, 0.0):
            fields[0].position_um = {"x": x, "y": y, "z": z}


def _pixel_size(channels: list[Any]) -> dict[str, float] | None:
    if not channels:
        return None
    volume = channels[0].volume
    x, y = (float(v) for v in volume.axesCalibration[:2])
    if not all(volume.axesCalibrated[:2]) or x <= 0 or y <= 0:
        return None
    return {"y": y, "x": x}


def _nominal(loops: list[Any], planned: int) -> np.ndarray | None:
    """Return (planned,) times in seconds from the periods of the time loop, or None."""
    for loop in loops:
        if loop.type == "TimeLoop":
            pars = loop.parameters
            # The period is 0 in an acquisition without delay; its mean was measured.
            return regular_times(planned, (pars.periodMs or pars.periodDiff.avg or 0) / 1000)
        if loop.type == "NETimeLoop":
            steps: list[float] = []
            for period in loop.parameters.periods:
                steps += [(period.periodMs or 0) / 1000] * period.count
            if len(steps) != planned or min(steps, default=0) <= 0:
                return None
            # The period of the earlier phase separates its last frame from the next phase.
            return np.concatenate([[0.0], np.cumsum(steps[:-1])])
    return None


def _start_day(meta: nd2.ND2File) -> float | None:
    """Return the Julian day of the file's time 0, or None."""
    try:
        time = meta.frame_metadata(0).channels[0].time
    except (AttributeError, IndexError, KeyError):
        return None
    day = float(time.absoluteJulianDayNumber)
    return None if day < 1 else day - float(time.relativeTimeMs) / 86_400_000
