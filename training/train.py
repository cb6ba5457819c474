"""Train the network of segmentation `phase`, mode `network`: `python training/train.py --help`.

docs/network.md explains it. The same folder, options and versions give the same weights on the
same kind of processor.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import numpy as np

from fovea.config.phase_tuning import SMALLEST_FOR_NETWORK
from fovea.errors import FoveaError
from fovea.evaluation.scores import Match, match_frame, segmentation_scores
from fovea.jobs.atomic import whole_file
from fovea.segmentation.phase.segment_phase import segment_phase
from stills import Example, Still, as_example, read_stills

_BATCH = 4
_RATE = 4e-3  # of learning, at its highest
_WARM_UP = 30  # steps
_DECAY = 1e-3
_MEMORY = 0.99  # of the average of the weights over the steps
_REPORT = 200  # steps


def train(
    examples: list[Example], steps: int, seed: int, report: Callable[[str], None]
) -> dict[str, np.ndarray]:
    """Train a network from scratch.

    Parameters
    ----------
    examples : list of Example
        Annotated frames.
    steps : int
        Number of steps, of four varied crops each.
    seed : int
        Of the initial weights and of the variations.
    report : callable
        Called with the mean loss at regular intervals.

    Returns
    -------
    dict of str to ndarray
        Weights by name, float16; see `model.folded`.
    """
    import cv2
    import torch

    from augment import sample
    from model import Net, folded

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Net()
    average = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    net.train()
    total, start = 0.0, time.monotonic()
    for step in range(steps):
        warmth = min(1, (step + 1) / _WARM_UP)
        rate = _RATE * warmth * (0.51 + 0.5 * np.cos(np.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        seen, wanted = zip(*[sample(rng, examples) for _ in range(_BATCH)], strict=True)
        lost = loss(net(torch.from_numpy(np.stack(seen))), torch.from_numpy(np.stack(wanted)))
        optimizer.zero_grad()
        lost.backward()
        optimizer.step()
        memory = min(_MEMORY, (1 + step) / (10 + step))
        with torch.no_grad():
            pairs = zip(average.state_dict().values(), net.state_dict().values(), strict=True)
            for mean, value in pairs:
                if mean.dtype.is_floating_point:
                    mean.lerp_(value, 1 - memory)
                else:
                    mean.copy_(value)
        total += lost.item()
        if (step + 1) % _REPORT == 0:
            seconds = time.monotonic() - start
            report(f"step {step + 1} of {steps}: loss {total / _REPORT:.3f}, {seconds:.0f} s")
            total = 0.0
    return {key: array.astype(np.float16) for key, array in folded(average).items()}


def loss(outputs, wanted):
    """Return the loss: cross entropy and overlap of cells, cross entropy of contacts, depth error.

    Parameters
    ----------
    outputs : (N, 3, h, w) tensor
        Outputs of the network.
    wanted : (N, 4, h, w) tensor
        See `augment.sample`.

    Returns
    -------
    () tensor
    """
    import torch
    from torch.nn import functional

    entropy = functional.binary_cross_entropy_with_logits
    inside, contact, depth, valid = wanted.unbind(1)
    cost = entropy(outputs[:, 0], inside, reduction="none")
    lost = (valid * (1 + 3 * contact) * cost).mean()
    likely, true = torch.sigmoid(outputs[:, 0]) * valid, inside * valid
    shared = 2 * (likely * true).sum((1, 2)) + 50
    lost = lost + 0.5 * (1 - shared / ((likely + true).sum((1, 2)) + 50)).mean()
    cost = entropy(outputs[:, 1], contact, pos_weight=torch.tensor(4.0), reduction="none")
    lost = lost + (valid * cost).mean()
    cost = functional.smooth_l1_loss(outputs[:, 2], depth, beta=0.1, reduction="none")
    return lost + 3 * (valid * (1 + 2 * contact) * cost).mean()


def match(still: Still, cell_diameter: float, weights: str) -> Match:
    """Match the cells that a network finds in a still with its labels."""
    found = segment_phase(still.frame, cell_diameter=cell_diameter, mode="network", weights=weights)
    return match_frame(still.labels, found)


def scores_line(name: str, matches: list[Match]) -> str:
    """Format the scores of some stills as a line of text."""
    s = segmentation_scores(matches)
    return (
        f"{name}: SEG {s['SEG']:.3f}, mean of frames {s['SEG_frames_mean']:.3f}, F1 {s['F1']:.3f}, "
        f"{s['cells']} cells found of {s['reference_cells']}, {sum(m.hits for m in matches)} match"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0 if the weights were written, else 1."""
    parser = argparse.ArgumentParser(description="Train the network that segments phase contrast.")
    parser.add_argument(
        "folder", help="annotated frames: pairs NAME.ome.tiff and NAME_ids.ome.tiff"
    )
    parser.add_argument("--cell-diameter", type=float, required=True, help="pixels")
    parser.add_argument("--out", required=True, help="file for the weights, .npz")
    parser.add_argument("--steps", type=int, default=3600, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--leave-out", metavar="NAME", help="train without this pair, and score on it"
    )
    try:
        _run(parser.parse_args(arguments))
    except FoveaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    _check(options)
    stills = read_stills(options.folder)
    left_out = [still for still in stills if still.name == options.leave_out]
    if options.leave_out and not left_out:
        names = ", ".join(still.name for still in stills)
        raise FoveaError(f"--leave-out {options.leave_out}: {options.folder} has {names}")
    stills = [still for still in stills if still.name != options.leave_out]
    if not stills:
        raise FoveaError("--leave-out leaves nothing to train on; annotate a second frame")
    examples = [as_example(still, options.cell_diameter) for still in stills]
    arrays = train(examples, options.steps, options.seed, lambda line: print(line, flush=True))
    # numpy adds a suffix to names, not to open files
    with whole_file(options.out) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    matches = [match(still, options.cell_diameter, options.out) for still in stills]
    for still, found in zip(stills, matches, strict=True):
        print(scores_line(f"trained on, {still.name}", [found]))
    print(scores_line("trained on, all", matches))
    for still in left_out:
        found = match(still, options.cell_diameter, options.out)
        print(scores_line(f"left out, {still.name}", [found]))
    digest = hashlib.sha256(Path(options.out).read_bytes()).hexdigest()
    print(f"{options.out}: SHA-256 {digest}")


def _check(options: argparse.Namespace) -> None:
    """Check before the training, which takes long, whatever would fail in it or after it."""
    from importlib.util import find_spec

    if not SMALLEST_FOR_NETWORK <= options.cell_diameter < np.inf:
        raise FoveaError(f"--cell-diameter must be at least {SMALLEST_FOR_NETWORK} pixels")
    if options.steps < 1:
        raise FoveaError(f"--steps must be at least 1, got {options.steps}")
    if options.seed < 0:
        raise FoveaError(f"--seed must be at least 0, got {options.seed}")
    out = Path(options.out)
    if not out.absolute().parent.is_dir():
        raise FoveaError(f"--out {out}: there is no such folder; create it first")
    if out.is_dir():
        raise FoveaError(f"--out {out} is a folder; name a file in it")
    for module in ("torch", "cv2"):
        if find_spec(module) is None:
            raise FoveaError(f"{module} is not installed; install training/requirements.txt")


if __name__ == "__main__":
    sys.exit(main())
