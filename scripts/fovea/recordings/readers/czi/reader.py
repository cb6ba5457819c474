"""CZI: each scene is a field of view; the tiles of a mosaic are put together."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from fovea.errors import FoveaError, counted
from fovea.recordings.readers.checks import brief, check_pixels, nothing_complete, rgb_error
from fovea.recordings.readers.czi.about import CziAbout
from fovea.recordings.readers.czi.segments import Tile, read_content
from fovea.recordings.readers.czi.tiles import TICKS, decode, parse_time, tile_parts, tile_tags
from fovea.recordings.readers.czi.times import attached_times, listed_stamps
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.readers.raw import RawFile, RawRecording
from fovea.recordings.readers.stack import Stack, StackRecording
from fovea.recordings.readers.stamps import Times

PIXEL_TYPES = {0: "<u1", 1: "<u2", 2: "<f4", 12: "<i4", 13: "<f8"}
COLOUR = (3, 4, 8, 9)
MOST_PLANES, MOST_CHANNELS = 1 << 26, 1000  # of a field of view; more are damaged indices
PlaneKey = tuple[int, int, int]  # t, c, z


@dataclass
class Scene(Stack):
    """A scene of a CZI file: a field of view.

    `tiles` are (N, 13) int64, a `Tile` per row, in the order in which they are laid; `corner` is x
    and y of the scene's upper left pixel.
    """

    tiles: np.ndarray = field(default=None)  # type: ignore[assignment]
    corner: tuple[int, int] = (0, 0)

    def column(self, name: str) -> np.ndarray:
        """Return one property of all tiles, (N,) int64."""
        return self.tiles[:, Tile._fields.index(name)]


class CziRecording(RawRecording, StackRecording):
    """A CZI file.

    The tiles of a mosaic are laid where they belong, those of a higher M index on top of others,
    as ZEN and libCZI do; pixels that no tile covers are 0.
    """

    def _open(self) -> None:
        content = read_content(self._file)
        tiles = content.tiles
        if not len(tiles):
            raise nothing_complete(self.source)
        about = CziAbout(content.xml)
        notes = list(about.notes)
        if content.recovered:
            notes.append(
                "the file is cut off: its directory is lost; the complete tiles were found"
            )
        column = {name: tiles[:, i] for i, name in enumerate(Tile._fields)}
        if column["odd"].any():
            raise FoveaError(
                f"{self.source}: has several phases, views, illuminations or rotations, which "
                "Fovea does not read; export one of them from ZEN"
            )
        dtype = self._dtype(set(column["pixel_type"].tolist()))
        for axis in "TCZ":
            # In a part of a recording the first index may not be 0, and indices may lie beyond the
            # size. Where they lie within it, the first ones were not recorded.
            if column[axis].max() >= about.sizes.get(axis, 0):
                column[axis] -= column[axis].min()
        sizes = tuple(max(int(column[axis].max()) + 1, about.sizes.get(axis, 0)) for axis in "TCZ")
        if math.prod(sizes) > MOST_PLANES or sizes[1] > MOST_CHANNELS:
            raise FoveaError(
                f"{self.source}: its directory lists {sizes[0]} frames, {sizes[1]} channels and "
                f"{sizes[2]} z planes; it is damaged; copy it again from the microscope"
            )
        self._recovered, self._about, self._tiles = content.recovered, about, tiles
        self._whole = self._whole_before(column["position"])
        self._planes: dict[int, dict[PlaneKey, list[Tile]]] = {}
        self._stacks = []
        for number in np.unique(column["S"]).tolist():
            own = tiles[column["S"] == number]
            own = own[np.argsort(own[:, Tile._fields.index("M")], kind="stable")]
            x, y, w, h = (own[:, Tile._fields.index(n)] for n in ("x", "y", "width", "height"))
            height, width = int((y + h).max() - y.min()), int((x + w).max() - x.min())
            check_pixels(self.source, dtype, height, width)
            name, place = about.scenes.get(number, ("", None))
            place = place or tile_tags(self._file, int(own[0, -1]))[1]
            self._stacks.append(
                Scene(
                    self.source, name, height, width, dtype, sizes, about.channels,
                    about.pixel_size_um, place, about.interval_s, tiles=own,
                     corner=(int(x.min()), int(y.min())),
                     significant_bits=about.significant_bits,
                )
            )  # fmt: skip
        self.info = self.describe_stacks("CZI", [self.source], notes)

    def _dtype(self, types: set[int]) -> str:
        if types & set(COLOUR):
            raise rgb_error(self.source)
        if len(types) > 1:
            raise FoveaError(
                f"{self.source}: its channels have different pixel types; export them as 16 bit"
            )
        code = PIXEL_TYPES.get(types.pop())
        if code is None:
            raise FoveaError(f"{self.source}: its pixel type is unknown; export it as 16 bit")
        self._stored = np.dtype(code)
        return check_pixels(self.source, self._stored, 1, 1)

    def _whole_before(self, positions: np.ndarray) -> int:
        """Return the position in the file before which the segments of all tiles are whole."""
        for position in np.sort(positions[positions < self._file.size])[::-1].tolist():
            if tile_parts(self._file, position) is not None:
                return position + 1
        return 0

    def existing_planes(self, fov: int) -> np.ndarray:
        """Return which planes have all their tiles: as many as the plane that has most."""
        expected, found = self._tile_counts(self._stacks[fov])
        return found == expected.max()

    def _tile_counts(self, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
        """Return how many tiles of each plane are listed and how many are whole, (T, C, Z)."""
        place = tuple(scene.column(axis) for axis in "TCZ")
        expected, found = np.zeros(scene.sizes, np.int64), np.zeros(scene.sizes, np.int64)
        np.add.at(expected, place, 1)
        np.add.at(found, place, scene.column("position") < self._whole)
        return expected, found

    def _remarks_on_tiles(self, info: RecordingInfo) -> list[str]:
        """Say where planes of a mosaic have fewer tiles than others, so that they are left out."""
        remarks = []
        for own, scene in zip(info.fields, self._stacks, strict=True):
            expected = self._tile_counts(scene)[0]
            for channel in range(expected.shape[1]):
                count = expected[:, channel]
                short = int(((count > 0) & (count < expected.max())).sum())
                if short:
                    remarks.append(
                        f"field of view {own.index}, channel {channel}: {short} of "
                        f"{counted(np.count_nonzero(count), 'plane')} "
                        + ("lacks" if short == 1 else "lack")
                        + f" some of the {expected.max()} tiles that others have and "
                        + ("is left out" if short == 1 else "are left out")
                    )
        return remarks

    def planes(self, fov: int) -> tuple[np.ndarray, np.ndarray]:
        expected, _ = self._tile_counts(self._stacks[fov])
        # Without its directory, a file does not tell which planes were recorded.
        return self.existing_planes(fov), (expected == expected.max()) | self._recovered

    def _scene_planes(self, fov: int) -> dict[PlaneKey, list[Tile]]:
        """Return the tiles of each plane of a scene, in the order in which they are laid."""
        if fov not in self._planes:
            planes: dict[PlaneKey, list[Tile]] = defaultdict(list)
            for row in self._stacks[fov].tiles.tolist():
                tile = Tile(*row)
                planes[tile.T, tile.C, tile.Z].append(tile)
            self._planes = {fov: planes}  # of one scene at a time
        return self._planes[fov]

    def find_times(self, info: RecordingInfo) -> Times:
        """Return the times as `StackRecording` does.

        The first tile of a plane has its time; else the file lists times of frames. The recording
        may have been closed meanwhile, so the file is opened anew.
        """
        info.remarks += self._remarks_on_tiles(info)
        file = RawFile(self._file.path, self.source)
        ticks = [self._tile_ticks(file, own) for own in info.fields]
        listed = attached_times(file)
        file.close()
        zero = min((int(own[own > 0].min()) for own in ticks if (own > 0).any()), default=0)
        stamps: list[np.ndarray | None] = [
            np.where(own > 0, (own - zero) / TICKS, np.nan) if (own > 0).any() else None
            for own in ticks
        ]
        start: float | None = zero / TICKS
        if not all(map(_good_ticks, ticks)):
            listed = self._about.offsets if listed is None else listed
            found = None if listed is None else self._listed_stamps(listed, info)
            if found is not None:
                stamps, start = list(found), parse_time(self._about.start or "")
                start = start if start is None else start / TICKS
        return stamps, super().find_times(info)[1], start

    def _tile_ticks(self, file: RawFile, own: FieldInfo) -> np.ndarray:
        """Return times of a field's frames, (C, T) int64: 0 without one, -1 without the frame."""
        planes = self._scene_planes(own.index)
        ticks = np.full((len(self.info.channels), own.frames), -1, np.int64)
        for i, t in enumerate(own.frame_numbers):
            for c in range(len(ticks)):
                if own.has_frame(c, i):
                    tile = planes[t, c, own.planes_of(c)[0]][0]
                    ticks[c, i] = tile_tags(file, tile.position)[0] or 0
        return ticks

    def _listed_stamps(self, listed: np.ndarray, info: RecordingInfo) -> list[np.ndarray] | None:
        scenes = [int(scene.column("S")[0]) for scene in self._stacks]
        frames, channels = self._stacks[0].sizes[:2]
        found = listed_stamps(listed, self._tiles, scenes, channels, frames)
        if found is None:
            info.remarks.append(
                f"time stamps not used: the file lists {len(listed)} of them, which fit neither "
                "its frames nor its planes"
            )
            return None
        return [times[:, own.frame_numbers] for times, own in zip(found, info.fields, strict=True)]

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        scene = self._stacks[fov]
        planes = self._scene_planes(fov)
        return [self._read(scene, planes[frame, channel, z]) for channel in channels]

    def _read(self, scene: Scene, tiles: list[Tile]) -> np.ndarray:
        shape = scene.height, scene.width
        whole = len(tiles) == 1 and (tiles[0].height, tiles[0].width) == shape
        image = (np.empty if whole else np.zeros)(shape, self._stored)
        for tile in tiles:
            parts = tile_parts(self._file, tile.position)
            if parts is None:
                raise FoveaError(
                    f"{self.source}: the tile at byte {tile.position} is not in it any more; the "
                    "file became shorter or is damaged; copy it again and rerun inspect"
                )
            _, _, offset, length = parts
            if whole and tile.compression == 0 and length >= image.nbytes:
                self._file.fill(image, offset)
                continue
            x, y = tile.x - scene.corner[0], tile.y - scene.corner[1]
            try:
                pixels = decode(
                    self._file.read(offset, length), tile.compression, self._stored,
                    (tile.height, tile.width),
                )  # fmt: skip
            except FoveaError:
                raise
            except Exception as error:
                raise FoveaError(
                    f"{self.source}: the tile at byte {tile.position} cannot be decoded "
                    f"({brief(error)}); copy the file again, or export it from ZEN uncompressed"
                ) from error
            image[y : y + tile.height, x : x + tile.width] = pixels
        return image.astype(self._stored.newbyteorder("="), copy=False)


def _good_ticks(ticks: np.ndarray) -> bool:
    """Return whether every frame of a field has a time, which is not the same for all."""
    known = ticks[ticks >= 0]
    return bool(known.all()) and (ticks.shape[1] < 2 or np.ptp(known) > 0)
