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
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from plan import Plan, Recording, of_file, of_folder
from stills import Still

_BATCH = 6
_CROP = 144  # least side of a crop in pixels of the network's input
_RATE = 4e-3  # of learning, at its highest
_WARM_UP = 30  # steps
_DECAY = 1e-3
_MEMORY = 0.99  # of the average of the weights over the steps
_REPORT = 200  # steps


def train(
    sources: list, channels: Sequence[int], steps: int, seed: int, report: Callable[[str], None],
    half: bool = False,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Train a network from scratch.

    Parameters
    ----------
    sources : list of augment.Source
        Frames whose cells are known.
    channels : sequence of int
        Of the network at a half, a quarter … of the resolution.
    steps : int
        Number of steps, of six varied crops each.
    seed : int
        Of the initial weights and of the variations.
    report : callable
        Called with the mean loss at regular intervals.
    half : bool
        Whether to convolve in bfloat16, which is twice as fast on processors that have it.

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
    net = Net(channels)
    multiple = 2 ** len(channels)  # which the network halves to one pixel
    side = -(-_CROP // multiple) * multiple
    average = copy.deepcopy(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    net.train()
    total, start = 0.0, time.monotonic()
    for step in range(steps):
        warmth = min(1, (step + 1) / _WARM_UP)
        rate = _RATE * warmth * (0.51 + 0.5 * np.cos(np.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        seen, wanted = zip(*[sample(rng, sources, side) for _ in range(_BATCH)], strict=True)
        seen = torch.from_numpy(np.stack(seen))
        if half:
            seen = seen.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            outputs = net(seen)
        lost = loss(outputs.float(), torch.from_numpy(np.stack(wanted)))
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
    lost = (valid * (1 + 4 * contact) * cost).mean()
    likely, true = torch.sigmoid(outputs[:, 0]) * valid, inside * valid
    shared = 2 * (likely * true).sum((1, 2)) + 50
    lost = lost + 0.5 * (1 - shared / ((likely + true).sum((1, 2)) + 50)).mean()
    cost = entropy(outputs[:, 1], contact, pos_weight=torch.tensor(2.0), reduction="none")
    lost = lost + (valid * cost).mean()
    cost = functional.smooth_l1_loss(outputs[:, 2], depth, beta=0.1, reduction="none")
    return lost + 3 * (valid * (1 + 4 * contact) * cost).mean()


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
        "folder", help="annotated frames: pairs NAME.ome.tiff and NAME_ids.ome.tiff, or a plan's"
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--cell-diameter", type=float, help="pixels, of the cells in the folder")
    kind.add_argument("--plan", help="file that names several recordings, see general.yaml")
    parser.add_argument("--out", required=True, help="file for the weights, .npz")
    parser.add_argument("--steps", type=int, help="default: the plan's, or 6000")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--half", action="store_true", help="convolve in bfloat16, for processors that have it"
    )
    parser.add_argument(
        "--leave-out", metavar="NAME", nargs="+", default=[],
        help="train without these frames or recordings, and score on them",
    )  # fmt: skip
    try:
        _run(parser.parse_args(arguments))
    except FoveaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    _check(options)
    if options.plan:
        plan = of_file(options.plan, options.folder)
    else:
        plan = of_folder(options.folder, options.cell_diameter)
    kept, left_out = divided(plan, options.leave_out)
    arrays = train(
        _sources(replace(plan, recordings=kept)), plan.channels, options.steps or plan.steps,
        options.seed, lambda line: print(line, flush=True), options.half,
    )  # fmt: skip
    # numpy adds a suffix to names, not to open files
    with whole_file(options.out) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    for title, recordings in (("trained on", kept), ("left out", left_out)):
        for one in recordings:
            matches = [match(still, one.cell_diameter, options.out) for still in one.stills]
            for still, found in zip(one.stills, matches, strict=True):
                print(scores_line(f"{title}, {still.name}", [found]))
            print(scores_line(f"{title}, all{f' of {one.name}' if one.name else ''}", matches))
    digest = hashlib.sha256(Path(options.out).read_bytes()).hexdigest()
    print(f"{options.out}: SHA-256 {digest}")


def divided(plan: Plan, left_out: Sequence[str]) -> tuple[list[Recording], list[Recording]]:
    """Return the recordings to train on and those left out, with the stills of each.

    Raises
    ------
    FoveaError
        If a name is of no still and no recording, or nothing remains.
    """
    names = {one.name for one in plan.recordings} | {
        still.name for one in plan.recordings for still in one.stills
    }
    for name in left_out:
        if name not in names:
            raise FoveaError(f"--leave-out {name}: there are {', '.join(sorted(names - {''}))}")
    kept, out = [], []
    for one in plan.recordings:
        is_out = [bool({still.name, one.name} & set(left_out)) for still in one.stills]
        for part, wanted in ((kept, False), (out, True)):
            pairs = zip(one.stills, is_out, strict=True)
            if stills := [still for still, is_so in pairs if is_so == wanted]:
                part.append(replace(one, stills=stills))
    if not kept:
        raise FoveaError("--leave-out leaves nothing to train on; annotate a second frame")
    return kept, out


def _sources(plan: Plan) -> list:
    """Prepare the recordings and pictures of a plan."""
    from augment import Source
    from pictures import pictures

    drawn = pictures(plan.pictures, plan.picture_seed) if plan.pictures else []
    sources = [Source(drawn, plan.drawn_share, 0.0, 0.0)] if drawn else []
    return sources + [
        Source(one.examples(), one.share, one.inverted, one.pasted) for one in plan.recordings
    ]


def _check(options: argparse.Namespace) -> None:
    """Check before the training, which takes long, whatever would fail in it or after it."""
    from importlib.util import find_spec

    diameter = options.cell_diameter
    if diameter is not None and not SMALLEST_FOR_NETWORK <= diameter < np.inf:
        raise FoveaError(f"--cell-diameter must be at least {SMALLEST_FOR_NETWORK} pixels")
    if options.steps is not None and options.steps < 1:
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
