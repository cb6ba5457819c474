"""CZI: scenes as fields of view, mosaics put together from their tiles."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from fovea.errors import FoveaError
from fovea.recordings.readers.checks import (
    brief,
    channel_names,
    check_pixels,
    nothing_complete,
    rgb_error,
)
from fovea.recordings.readers.czi.about import CziAbout
from fovea.recordings.readers.czi.segments import Tile, read_content
from fovea.recordings.readers.czi.tiles import TICKS, decode, tile_parts, tile_tags
from fovea.recordings.readers.info import FieldInfo, RecordingInfo
from fovea.recordings.readers.raw import RawFile, RawRecording
from fovea.recordings.readers.stamps import regular_times, times_when_asked

if TYPE_CHECKING:
    import numpy as np

PIXEL_TYPES = {0: "<u1", 1: "<u2", 2: "<f4", 12: "<i4", 13: "<f8"}
COLOUR = (3, 4, 8, 9)
PlaneKey = tuple[int, int, int]  # t, c, z


class CziRecording(RawRecording):
    """A CZI file.

    A mosaic's tiles are laid where they belong, later ones (by their M index) on top, as ZEN and
    libCZI do; pixels that no tile covers are 0.
    """

    def _open(self) -> None:
        import numpy as np

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
        planned = {}
        for axis in "TCZ":  # a part of a recording may begin at any number
            column[axis] -= column[axis].min()
            planned[axis] = max(int(column[axis].max()) + 1, about.sizes.get(axis, 0))
        whole = self._whole(tiles)
        self._tiles: list[np.ndarray] = []
        self._planes: dict[int, dict[PlaneKey, list[Tile]]] = {}
        self._corner: list[tuple[int, int]] = []
        fields = []
        for scene in np.unique(column["S"]).tolist():
            own = tiles[column["S"] == scene]
            own = own[np.argsort(own[:, Tile._fields.index("M")], kind="stable")]
            x, y, w, h = (own[:, Tile._fields.index(n)] for n in ("x", "y", "width", "height"))
            height, width = int((y + h).max() - y.min()), int((x + w).max() - x.min())
            check_pixels(self.source, dtype, height, width)
            name, place = about.scenes.get(scene, ("", None))
            info = FieldInfo(len(fields), name or f"Position {len(fields)}", height, width)
            info.source = self.source
            info.planes = planned["Z"]
            info.set_existing(_existing(own, planned, whole))
            self._tiles.append(own)
            self._corner.append((int(x.min()), int(y.min())))
            info.stage_position_um = place or self._stage(Tile(*own[0].tolist()))
            fields.append(info)
        if not any(info.frames for info in fields):
            raise nothing_complete(self.source)
        self.info = RecordingInfo(
            "CZI", [self.source], dtype, channel_names(about.channels, planned["C"]),
            about.pixel_size_um, fields, notes,
        )  # fmt: skip
        nominal = [regular_times(info.planned_frames, about.interval_s) for info in fields]
        times_when_asked(self.info, lambda: self._stamps(self.info, nominal))

    def _dtype(self, types: set[int]) -> str:
        import numpy as np

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

    def _whole(self, tiles: np.ndarray) -> int:
        """Return the position before which every tile's segment is whole."""
        positions = tiles[:, Tile._fields.index("position")].copy()
        positions.sort()
        for position in reversed(positions[positions < self._file.size].tolist()):
            row = tiles[tiles[:, Tile._fields.index("position")] == position][0]
            if tile_parts(self._file, Tile(*row.tolist())) is not None:
                return position + 1
        return 0

    def _stage(self, tile: Tile) -> dict[str, float] | None:
        place = tile_tags(self._file, tile)[1]
        return None if place is None else {"x": place[0], "y": place[1]}

    def _field_planes(self, fov: int) -> dict[PlaneKey, list[Tile]]:
        """Return the tiles of each plane of a field, in the order in which they are laid."""
        if fov not in self._planes:
            planes: dict[PlaneKey, list[Tile]] = defaultdict(list)
            for row in self._tiles[fov].tolist():
                tile = Tile(*row)
                planes[tile.T, tile.C, tile.Z].append(tile)
            self._planes = {fov: planes}  # of one field at a time
        return self._planes[fov]

    def _stamps(
        self, info: RecordingInfo, nominal: list[np.ndarray | None]
    ) -> tuple[list[np.ndarray | None], list[np.ndarray | None], float]:
        """Return (C, T) stamps per field, from the first tile of each plane, and their zero.

        This may be after the recording was closed, so the file is opened anew.
        """
        import numpy as np

        file = RawFile(self._file.path, self.source)
        found = []
        for field in info.fields:
            planes = self._field_planes(field.index)
            ticks = np.zeros((len(info.channels), field.frames), np.int64)
            for i, t in enumerate(field.frame_numbers):
                for c in range(len(info.channels)):
                    ticks[c, i] = tile_tags(file, planes[t, c, 0][0])[0] or 0
            found.append(ticks)
        file.close()
        zero = min((int(ticks[ticks > 0].min()) for ticks in found if ticks.any()), default=0)
        stamps = [
            np.where(ticks > 0, (ticks - zero) / TICKS, np.nan) if ticks.any() else None
            for ticks in found
        ]
        return stamps, nominal, zero / TICKS

    def read_planes(self, fov: int, frame: int, z: int, channels: list[int]) -> list[np.ndarray]:
        return [self._read(fov, (frame, channel, z)) for channel in channels]

    def _read(self, fov: int, plane: PlaneKey) -> np.ndarray:
        import numpy as np

        info, tiles = self.info.fields[fov], self._field_planes(fov)[plane]
        x0, y0 = self._corner[fov]
        whole = len(tiles) == 1 and (tiles[0].height, tiles[0].width) == (info.height, info.width)
        image = np.empty((info.height, info.width), self._stored)
        if not whole:
            image.fill(0)
        for tile in tiles:
            parts = tile_parts(self._file, tile)
            if parts is None:
                raise FoveaError(
                    f"{self.source}: the tile at byte {tile.position} is not in it any more; the "
                    "file became shorter or is damaged; copy it again and rerun inspect"
                )
            _, _, offset, length = parts
            if whole and tile.compression == 0 and length >= image.nbytes:
                self._file.fill(image, offset)
                continue
            y, x = tile.y - y0, tile.x - x0
            try:
                pixels = decode(
                    self._file.read(offset, length), tile.compression, self._stored,
                    (tile.height, tile.width),
                )  # fmt: skip
            except Exception as error:
                if isinstance(error, FoveaError):
                    raise
                raise FoveaError(
                    f"{self.source}: the tile at byte {tile.position} cannot be decoded "
                    f"({brief(error)}); copy the file again, or export it from ZEN uncompressed"
                ) from error
            image[y : y + tile.height, x : x + tile.width] = pixels
        native = self._stored.newbyteorder("=")
        return image.view(native) if self._stored.isnative else image.astype(native)


def _existing(tiles: np.ndarray, planned: dict[str, int], whole: int) -> list[bool]:
    """Return which frames of a scene have all their planes, and these all their tiles."""
    import numpy as np

    shape = tuple(planned[axis] for axis in "TCZ")
    place = tuple(tiles[:, Tile._fields.index(axis)] for axis in "TCZ")
    expected, found = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    np.add.at(expected, place, 1)
    np.add.at(found, place, tiles[:, Tile._fields.index("position")] < whole)
    return (found == expected.max()).all(axis=(1, 2)).tolist()
