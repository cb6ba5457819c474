"""Train the network of segmentation `phase` (mode `adherent`) and write its weights.

    pip install jax
    python benchmarks/train_phase.py ../shared/data phase_network.npz

It learns from the hand-annotated stills and the recording of T98G cells in the shared data (from
oist/Usiigaci, MIT licence) and from simulated frames. `--without set32 set42 t98g` keeps some of
them for a test. It took some 15 minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from fovea.accuracy import annotated, read_frames
from fovea.evaluate import read_labels
from fovea.kernels import fields
from fovea.phase import flatten
from fovea.phase_network import LEVELS, SCALE, see
from fovea.simulate_field import Field

CHANNELS = (8, 12, 16, 24)
PATCH, BATCH = 128, 8
INNER = 0.14  # the inner part of a cell is so far from its edge, in cell diameters


def inner_parts(labels: np.ndarray, diameter: float) -> np.ndarray:
    """Pixels well inside their cell, (H, W) bool; the image's edge is no edge of a cell."""
    inner = np.zeros(labels.shape, bool)
    for label, place in enumerate(ndimage.find_objects(labels.astype(int)), 1):
        if place is None:
            continue
        ends = zip(place, labels.shape, strict=True)
        pad = [(int(s.start > 0), int(s.stop < n)) for s, n in ends]
        cell = np.pad(labels[place] == label, pad)
        distance = ndimage.distance_transform_edt(np.pad(cell, 1, mode="edge"))[1:-1, 1:-1]
        deep = distance > min(INNER * diameter, 0.45 * distance.max())
        back = tuple(slice(a, n - b) for (a, b), n in zip(pad, cell.shape, strict=True))
        inner[place] |= deep[back]
    return inner


def example(frame, labels, diameter):
    """What the network sees and should say, (h, w, 2) float32 each."""
    pixels = see(flatten(frame, diameter), diameter)
    wanted = [
        fields.shrink(part.astype(np.float32), *_windows(labels.shape, pixels.shape[1:]), False)
        for part in (labels > 0, inner_parts(labels, diameter))
    ]
    return np.moveaxis(pixels, 0, -1), np.stack(wanted, -1)


def _windows(size, target):
    return [a for n, m in zip(size, target, strict=True) for a in fields.overlaps(n, m)]


def simulated_examples(count, seed=100, diameter=34.0):
    """Frames of the simulator, most of them crowded, and a blank one."""
    found = []
    for k in range(count + 1):
        rng = np.random.default_rng(seed + k)
        cells = int(rng.integers(8, 60)) if k else 0
        field = Field(seed + k, 48, 512, 512, cells, crowded=bool(k % 3), channels=0)
        frame = field.render(int(rng.integers(0, 48)))
        hidden = [row["cell"] for row in frame.rows if not row["visible"]]
        labels = np.where(np.isin(frame.labels, hidden), 0, frame.labels)
        found.append(example(frame.phase, labels, diameter))
    return found


def real_examples(folder: Path, without):
    """Examples of the shared data, the hand-annotated ones twice as often."""
    stills = [example(f, ids, 48.0) for name, f, ids in annotated(folder / "t98g_annotated")
              if name not in without]  # fmt: skip
    if "t98g" in without:
        return 4 * stills
    frames = read_frames(folder / "t98g_phase.ome.tiff")
    known = read_labels(folder / "t98g_reference_ids.ome.tiff")
    return 4 * stills + 2 * [example(f, ids, 48.0) for f, ids in zip(frames, known, strict=True)]


def patch(rng, pixels, wanted):
    """A turned, mirrored, stretched part of an example, noisier, of another contrast."""
    angle = rng.uniform(0, 2 * np.pi)
    scale = np.exp(rng.normal() * 0.18) * rng.choice([-1, 1])
    other = abs(scale) * np.exp(rng.normal() * 0.08)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.diag([1 / scale, 1 / other]) @ turn.T
    middle = np.array(pixels.shape[:2]) * rng.uniform(0.2, 0.8, 2)
    offset = middle - matrix @ np.full(2, PATCH / 2)

    def warped(image):
        return ndimage.affine_transform(image, matrix, offset, (PATCH, PATCH), order=1)

    seen = np.stack([warped(pixels[..., c]) for c in range(2)], -1)
    said = np.stack([warped(wanted[..., c]) for c in range(2)], -1)
    inside = warped(np.ones(pixels.shape[:2], np.float32)) > 0.99
    seen = seen * np.exp(rng.normal() * 0.2) + np.array([rng.normal() * 0.08, 0])
    seen = seen + rng.normal(size=seen.shape) * rng.uniform(0, 0.08)
    return seen.astype(np.float32), said, inside[..., None].astype(np.float32)


def initial(rng):
    """Layers as in `fovea.phase_network`: filters (3, 3, C, K) and biases."""

    def layer(inputs, outputs, side=3):
        spread = np.sqrt(2 / (side * side * inputs))
        weights = rng.normal(size=(side, side, inputs, outputs)) * spread
        return [jnp.array(weights, jnp.float32), jnp.zeros(outputs)]

    layers, inputs = {}, 2
    for level, outputs in enumerate(CHANNELS):
        layers[f"down{level}a"] = layer(inputs, outputs)
        layers[f"down{level}b"] = layer(outputs, outputs)
        inputs = outputs
    for level in reversed(range(LEVELS - 1)):
        outputs = CHANNELS[level]
        layers[f"up{level}a"] = layer(inputs + outputs, outputs)
        layers[f"up{level}b"] = layer(outputs, outputs)
        inputs = outputs
    return layers | {"out": layer(inputs, 2, 1)}


def convolve(x, layer):
    names = ("NHWC", "HWIO", "NHWC")
    weights, bias = layer
    return jax.lax.conv_general_dilated(x, weights, (1, 1), "SAME", dimension_numbers=names) + bias


def network(layers, x):
    """Logits of cell and inner part, (N, H, W, 2)."""

    def twice(x, name):
        return jax.nn.relu(
            convolve(jax.nn.relu(convolve(x, layers[name + "a"])), layers[name + "b"])
        )

    kept = []
    for level in range(LEVELS):
        x = twice(x, f"down{level}")
        if level < LEVELS - 1:
            kept.append(x)
            n, h, w, c = x.shape
            x = x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
    for level in reversed(range(LEVELS - 1)):
        x = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
        x = twice(jnp.concatenate([x, kept[level]], -1), f"up{level}")
    return convolve(x, layers["out"])


def loss(layers, x, wanted, inside):
    """Cross entropy plus half of the Dice loss."""
    logits = network(layers, x)
    entropy = (jnp.logaddexp(0, logits) - wanted * logits) * inside
    likely, wanted = jax.nn.sigmoid(logits) * inside, wanted * inside
    total = likely.sum((1, 2)) + wanted.sum((1, 2))
    dice = 1 - (2 * (likely * wanted).sum((1, 2)) + 1) / (total + 1)
    return entropy.sum() / inside.sum() + 0.5 * dice.mean()


def train(examples, steps: int, seed: int = 0):
    """Adam with decaying steps and weights; the result is a running mean of the layers."""
    rng = np.random.default_rng(seed)
    layers = mean = initial(rng)
    first = second = jax.tree.map(jnp.zeros_like, layers)

    @jax.jit
    def step(layers, mean, first, second, batch, i):
        value, slope = jax.value_and_grad(loss)(layers, *batch)
        rate = 1e-3 * (1 + jnp.cos(jnp.pi * i / steps)) + 1e-5
        first = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, first, slope)
        second = jax.tree.map(lambda a, b: 0.99 * a + 0.01 * b * b, second, slope)

        def moved(p, a, b):
            a, b = a / (1 - 0.9 ** (i + 1)), b / (1 - 0.99 ** (i + 1))
            return p - rate * (a / (jnp.sqrt(b) + 1e-8) + 1e-3 * p)

        layers = jax.tree.map(moved, layers, first, second)
        mean = jax.tree.map(lambda a, b: 0.99 * a + 0.01 * b, mean, layers)
        return layers, mean, first, second, value

    start, recent = time.time(), None
    for i in range(steps):
        chosen = [patch(rng, *examples[rng.integers(len(examples))]) for _ in range(BATCH)]
        batch = [np.stack(part) for part in zip(*chosen, strict=True)]
        layers, mean, first, second, value = step(layers, mean, first, second, batch, i)
        recent = float(value) if recent is None else 0.98 * recent + 0.02 * float(value)
        if i % 200 == 0:
            print(f"step {i}, loss {recent:.3f}, {time.time() - start:.0f} s", flush=True)
    return mean


def save(layers, target):
    """Write weights as float16: filters (K, C, 3, 3), biases (K,)."""
    stored = {}
    for name, (weights, bias) in layers.items():
        filters = np.array(weights).transpose(3, 2, 0, 1)
        stored[name] = filters[:, :, 0, 0] if name == "out" else filters
        stored[f"{name}_bias"] = np.array(bias)
    np.savez_compressed(target, **{k: v.astype(np.float16) for k, v in stored.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("target")
    parser.add_argument("--without", nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    assert SCALE == 16
    examples = real_examples(options.data, options.without) + simulated_examples(12)
    save(train(examples, options.steps, options.seed), options.target)


if __name__ == "__main__":
    main()
