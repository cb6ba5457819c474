"""A U-Net applied from the top of a frame to its bottom, with few rows of each image in memory.

Every layer makes as many rows as those that it reads allow, and each image keeps only the rows that
are still read. So nothing is computed twice, the memory depends on the width of a frame only, and
most of what a layer reads is still in the cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fovea.kernels import convolution, winograd
from fovea.kernels.convolution import TILE

_MULTIPLE = 16  # a network of four levels halves its input four times
_ROWS = 32  # rows that enter at a time, at half the resolution of the input


class _Image:
    """The rows of an image that are still needed; others were read or are not made yet."""

    def __init__(self, channels: int, height: int, width: int):
        self.channels, self.height, self.width = channels, height, width
        self.first = self.done = 0  # the first row in memory, and the next one to be made
        #: Functions that return the first row that a layer still reads.
        self.readers: list[Callable[[], int]] = []
        self._capacity = 0
        self._memory = convolution.empty(channels, 0, width)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return rows in memory with their border, (C, stop - start, W' + 2)."""
        return self._memory[:, start - self.first + 1 : stop - self.first + 1]

    def extend(self, stop: int) -> np.ndarray:
        """Return memory for the next rows; others may move."""
        if stop - self.first > self._capacity:
            start = min(self.done, max(0, min(reader() for reader in self.readers)))
            kept, old = self.rows(start, self.done), self._memory
            if stop - start > self._capacity:
                self._capacity = min(3 * (stop - start) // 2, self.height)
                self._memory = convolution.empty(
                    self.channels, self._capacity + TILE, self.width
                )
                self._memory[:, 0] = old[:, 0]
                self._memory[:, 1 : 1 + self.done - start] = kept
            else:
                convolution.move_up(old, start - self.first + 1, self.done - self.first + 1, 1)
            self.first = start
        return self.rows(self.done, stop)

    def finish(self, stop: int) -> None:
        """Count rows up to `stop` as made; above the first and below the last is a border."""
        if self.done == 0:
            self._memory[:, 0] = self._memory[:, 1]
        self.done = stop
        if stop == self.height:
            whole = -(-stop // TILE) * TILE
            self.rows(stop, whole + 1)[:] = self.rows(stop - 1, stop)


def predict(seen: np.ndarray, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Apply the network to a frame.

    `seen` is what `fovea.segmentation.phase.network.features` returns, and `arrays` what
    `read_weights` does. The result, (3, h, w) float32, is logits of being inside a cell and of
    touching another one, and the depth inside the cell, 0..1.
    """
    height, width = seen.shape[1:]
    half = [-(-n // _MULTIPLE) * _MULTIPLE // 2 for n in (height, width)]
    first = image = _Image(4 * len(seen), *half)
    depth = sum(name.startswith("enc") and name.endswith(".0.0.w") for name in arrays)
    layers, seen_at = [], []

    def convolved(image, name):
        out = _Image(len(arrays[f"{name}.b"]), image.height, image.width)
        layers.append(_convolution(image, arrays[f"{name}.w"], arrays[f"{name}.b"], out))
        return out

    for level in range(depth):
        if level:
            smaller = _Image(image.channels, image.height // 2, image.width // 2)
            layers.append(_halving(image, smaller))
            image = smaller
        for step in range(2):
            image = convolved(image, f"enc.{level}.{step}.0")
        seen_at.append(image)
    for level in reversed(range(depth - 1)):
        other = seen_at[level]
        total = _Image(other.channels, other.height, other.width)
        weights = arrays[f"lat.{level}.w"], arrays[f"lat.{level}.b"]
        layers.append(_addition(image, *weights, other, total))
        image = convolved(total, f"dec.{level}.0")
    out = np.empty((len(arrays["out.b"]) // 4, height, width), np.float32)
    layers.append(_spreading(image, arrays["out.w"], arrays["out.b"], out))
    while first.done < first.height:
        stop = min(first.done + _ROWS, first.height)
        convolution.gather(seen, first.done, first.width, first.extend(stop))
        first.finish(stop)
        for layer in layers:
            layer()
    return out


def _convolution(image: _Image, weights: np.ndarray, bias: np.ndarray, out: _Image) -> Callable:
    image.readers.append(lambda: out.done - 1)

    def make():
        whole = image.done == image.height
        stop = image.done if whole else (image.done - 1) // TILE * TILE
        if stop > out.done:
            target = out.extend(stop)
            source = image.rows(out.done - 1, -(-stop // TILE) * TILE + 1)
            convolution.convolve(source, image.width, weights, bias, target)
            out.finish(stop)

    return make


def _halving(image: _Image, out: _Image) -> Callable:
    image.readers.append(lambda: 2 * out.done)

    def make():
        stop = image.done // 2
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
        stop = min(2 * image.done, other.done)
        if stop > out.done:
            target = out.extend(stop)
            source = image.rows(out.done // 2, stop // 2)
            beside = other.rows(out.done, stop)
            convolution.add_doubled(source, image.width, weights, bias, beside, target)
            out.finish(stop)

    return make


def _spreading(image: _Image, weights: np.ndarray, bias: np.ndarray, out: np.ndarray) -> Callable:
    done = 0
    image.readers.append(lambda: done)

    def make():
        nonlocal done
        if image.done > done:
            source, target = image.rows(done, image.done), out[:, 2 * done : 2 * image.done]
            convolution.mix_and_spread(source, image.width, weights, bias, target)
            done = image.done

    return make
