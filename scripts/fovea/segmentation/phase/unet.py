"""A U-Net applied from the top of a frame to its bottom, with few rows of each image in memory.

Every layer makes as many rows as those that it reads allow, and each image keeps only the rows that
are still read. So nothing is computed twice, the memory depends on the width of a frame only, and
most of what a layer reads is still in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from fovea.kernels import convolution
from fovea.kernels.convolution import TILE

FEATURES, OUTPUTS = 3, 3
_ROWS = 8  # of an image that are made at a time, whole tiles; little is more than the cache holds
_SPARE = 16  # further rows that an image to be convolved has room for, so that few are moved


class _Image:
    """An image that is made from its top down, `_ROWS` rows of memory after the other.

    Memory whose rows were all read is used again. No rows that are made or read at once cross from
    one memory to the next: `limited` and `joined` see to that.
    """

    def __init__(self, channels: int, height: int, width: int):
        self.channels, self.height, self.width = channels, height, width
        self.done = 0  # the next row to be made
        #: Functions that return the first row that a layer still reads.
        self.readers: list[Callable[[], int]] = []
        self._parts: dict[int, np.ndarray] = {}

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return rows with the border to their sides, (C, stop - start, W' + 2)."""
        number, first = divmod(start, _ROWS)
        return self._parts[number][:, first : first + stop - start]

    def joined(self, start: int, stop: int) -> int:
        """Return up to which row those from `start` lie in one memory."""
        return min(stop, (start // _ROWS + 1) * _ROWS)

    def limited(self, stop: int) -> int:
        """Return up to which row the next ones are made, where those up to `stop` can be."""
        return self.joined(self.done, stop)

    def extend(self, stop: int) -> np.ndarray:
        """Return memory for the next rows."""
        number = self.done // _ROWS
        if number not in self._parts:
            read = [k for k in self._parts if (k + 1) * _ROWS <= self._needed()]
            memory = self._parts.pop(read[0]) if read else None
            if memory is None:
                memory = convolution.empty(self.channels, _ROWS, self.width)
            self._parts[number] = memory
        return self.rows(self.done, stop)

    def finish(self, stop: int) -> None:
        """Count rows up to `stop` as made."""
        self.done = stop

    def _needed(self) -> int:
        return max(0, min(reader() for reader in self.readers))


class _Convolved(_Image):
    """An image that is convolved: rows lie in one memory, with a border above and below.

    They move up where there is no room for the next ones.
    """

    def __init__(self, channels: int, height: int, width: int):
        super().__init__(channels, height, width)
        self._first = self._capacity = 0  # the first row in memory, and how many it holds
        self._memory = convolution.empty(channels, 0, width)

    def rows(self, start: int, stop: int) -> np.ndarray:
        return self._memory[:, start - self._first + 1 : stop - self._first + 1]

    def limited(self, stop: int) -> int:
        return min(stop, self.done + _ROWS)

    def extend(self, stop: int) -> np.ndarray:
        if stop - self._first > self._capacity:
            start, old = min(self.done, self._needed()), self._memory
            if stop - start > self._capacity:
                self._capacity = min(stop - start + _SPARE, self.height)
                self._memory = convolution.empty(self.channels, self._capacity + TILE, self.width)
            convolution.move(old, start - self._first, self.done - self._first + 1, self._memory)
            self._first = start
        return self.rows(self.done, stop)

    def finish(self, stop: int) -> None:
        if self.done == 0:
            self._memory[:, 0] = self._memory[:, 1]
        self.done = stop
        if stop == self.height:
            whole = -(-stop // TILE) * TILE
            self.rows(stop, whole + 1)[:] = self.rows(stop - 1, stop)


def levels(arrays: dict[str, np.ndarray]) -> int:
    """Return at how many resolutions a network of these arrays works: at 1/2, 1/4 …"""
    return sum(name.startswith("enc.") and name.endswith(".0.0.b") for name in arrays)


def predict(
    seen: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int], arrays: dict[str, np.ndarray]
) -> Iterator[np.ndarray]:
    """Apply the network to a frame.

    `seen` returns the input at rows whose indices, (n,), it is given: (3, n, w) float32, where
    `shape` is (h, w). `arrays` are of `fovea.segmentation.phase.network.read_weights`. The result,
    (3, n, w) float32 for one part of the rows after the other, is logits of being inside a cell and
    of touching another one, and the depth inside the cell, 0..1. The next part overwrites it.
    """
    depth = levels(arrays)
    multiple = 2**depth  # each level halves the one before, and the first one the frame
    height, width = (-(-n // multiple) * multiple // 2 for n in shape)
    first = image = _Convolved(4 * FEATURES, height, width)
    layers, seen_at = [], []

    def convolved(image, name, kind):
        weights, bias = arrays[f"{name}.w"], arrays[f"{name}.b"]
        out = kind(len(bias), image.height, image.width)
        layers.append(_convolution(image, weights, bias, out))
        return out

    for level in range(depth):
        if level:
            smaller = _Convolved(image.channels, image.height // 2, image.width // 2)
            layers.append(_halving(image, smaller))
            image = smaller
        image = convolved(image, f"enc.{level}.0.0", _Convolved)
        image = convolved(image, f"enc.{level}.1.0", _Image)
        seen_at.append(image)
    for level in reversed(range(depth - 1)):
        other = seen_at[level]
        total = _Convolved(other.channels, other.height, other.width)
        weights = arrays[f"lat.{level}.w"], arrays[f"lat.{level}.b"]
        layers.append(_addition(image, *weights, other, total))
        image = convolved(total, f"dec.{level}.0", _Image)
    done, out = 0, np.empty((OUTPUTS, 2 * _ROWS, shape[1]), np.float32)
    image.readers.append(lambda: done)
    while done < height:
        if first.done < height:
            stop = first.limited(height)
            places = np.arange(2 * first.done, 2 * stop) % (2 * shape[0])
            mirrored = np.minimum(places, 2 * shape[0] - 1 - places)
            convolution.gather(seen(mirrored), width, first.extend(stop))
            first.finish(stop)
        for layer in layers:
            layer()
        stop = image.joined(done, image.done)
        part = out[:, : max(0, min(2 * stop, shape[0]) - 2 * done)]
        if part.shape[1] > 0:
            source = image.rows(done, stop)
            convolution.mix_and_spread(source, width, arrays["out.w"], arrays["out.b"], part)
            yield part
        done = stop


def _convolution(image: _Image, weights: np.ndarray, bias: np.ndarray, out: _Image) -> Callable:
    image.readers.append(lambda: out.done - 1)

    def make():
        whole = image.done == image.height
        stop = out.limited(image.done if whole else (image.done - 1) // TILE * TILE)
        if stop > out.done:
            target = out.extend(stop)
            source = image.rows(out.done - 1, -(-stop // TILE) * TILE + 1)
            convolution.convolve(source, image.width, weights, bias, target)
            out.finish(stop)

    return make


def _halving(image: _Image, out: _Image) -> Callable:
    image.readers.append(lambda: 2 * out.done)

    def make():
        stop = out.limited(image.joined(2 * out.done, image.done) // 2)
        if stop > out.done:
            target = out.extend(stop)
            convolution.halve(image.rows(2 * out.done, 2 * stop), out.width, target)
            out.finish(stop)

    return make


def _addition(
    image: _Image, weights: np.ndarray, bias: np.ndarray, other: _Image, out: _Image
) -> Callable:
    image.readers.append(lambda: out.done // 2)
    other.readers.append(lambda: out.done)

    def make():
        stop = 2 * image.joined(out.done // 2, image.done)
        stop = out.limited(min(stop, other.joined(out.done, other.done)))
        if stop > out.done:
            target = out.extend(stop)
            source = image.rows(out.done // 2, stop // 2)
            beside = other.rows(out.done, stop)
            convolution.add_doubled(source, image.width, weights, bias, beside, target)
            out.finish(stop)

    return make
