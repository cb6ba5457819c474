"""CZI: each scene is a field of view; the tiles of a mosaic are put together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from fovea.errors import FoveaError
from fovea.recordings.readers.checks import brief, check_pixels, nothing_complete, rgb_error
from fovea.recordings.readers.czi.about import CziAbout
from fovea.recordings.readers.czi.segments import Tile, read_content
from fovea.recordings.readers.czi.tiles import TICKS, decode, tile_parts, tile_tags
from fovea.recordings.readers.info import RecordingInfo
from fovea.recordings.readers.raw import RawFile, RawRecording
from fovea.recordings.readers.stack import Stack, StackRecording
from fovea.recordings.readers.stamps import Times

PIXEL_TYPES = {0: "<u1", 1: "<u2", 2: "<f4", 12: "<i4", 13: "<f8"}
COLOUR = (3, 4, 8, 9)
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
        self._recovered = content.recovered
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
        for axis in "TCZ":  # the first index is not 0 in a part of a recording
            column[axis] -= column[axis].min()
        sizes = tuple(max(int(column[axis].max()) + 1, about.sizes.get(axis, 0)) for axis in "TCZ")
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
        scene = self._stacks[fov]
        place = tuple(scene.column(axis) for axis in "TCZ")
        expected, found = np.zeros(scene.sizes, np.int64), np.zeros(scene.sizes, np.int64)
        np.add.at(expected, place, 1)
        np.add.at(found, place, scene.column("position") < self._whole)
        return found == expected.max()

    def planes(self, fov: int) -> tuple[np.ndarray, np.ndarray]:
        scene = self._stacks[fov]
        # Without its directory, a file does not tell which planes were recorded.
        recorded = np.full(scene.sizes, self._recovered)
        recorded[tuple(scene.column(axis) for axis in "TCZ")] = True
        return self.existing_planes(fov), recorded

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
        """Return the times as `StackRecording` does; the first tile of a plane has its time.

        The recording may have been closed meanwhile, so the file is opened anew.
        """
        file = RawFile(self._file.path, self.source)
        found = []
        for own in info.fields:
            planes = self._scene_planes(own.index)
            ticks = np.zeros((len(info.channels), own.frames), np.int64)
            for i, t in enumerate(own.frame_numbers):
                for c in range(len(info.channels)):
                    if own.has_frame(c, i):
                        tile = planes[t, c, own.planes_of(c)[0]][0]
                        ticks[c, i] = tile_tags(file, tile.position)[0] or 0
            found.append(ticks)
        file.close()
        zero = min((int(ticks[ticks > 0].min()) for ticks in found if ticks.any()), default=0)
        for scene, ticks in zip(self._stacks, found, strict=True):
            if ticks.any():
                scene.stamps = np.where(ticks > 0, (ticks - zero) / TICKS, np.nan)
        nominal = super().find_times(info)[1]
        return [scene.stamps for scene in self._stacks], nominal, zero / TICKS

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
