"""Turn edges between objects, as other programs give them, into cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from fovea.tracking.flagging import flag_merges
from fovea.tracking.links import Links, Node
from fovea.tracking.objects import Objects, describe, shared_pixels


def described(
    frames: Iterable[np.ndarray],
    min_size: int | None = None,
    max_size: int | None = None,
    drift: bool = True,
) -> tuple[list[Objects], tuple[int, int]]:
    """Describe the objects of all frames, with the pixels that consecutive frames share.

    See `fovea.tracking.objects.describe`. Returned with the shape of a frame, (0, 0) without any.
    """
    objects: list[Objects] = []
    last = np.zeros((0, 0), np.uint16)
    for here, labels in describe(frames, min_size, max_size, drift):
        if objects:
            here.shared = shared_pixels(last, labels, here.shift)
        objects.append(here)
        last = labels
    return objects, last.shape


def nodes_of(objects: list[Objects]) -> list[Node]:
    """Return (frame, label) of all objects, in order."""
    return [(t, label) for t, here in enumerate(objects) for label in (here.members + 1).tolist()]


def linked(
    frames: Iterable[np.ndarray], edges: Iterable[tuple[Node, Node]], drift: bool = True
) -> Links:
    """Make cells of edges from objects to those that they go on as.

    Parameters
    ----------
    frames : iterable of (H, W) unsigned integer
        Labels of all frames, 1..N in each.
    edges : iterable of ((int, int), (int, int))
        Frame and label of an object, and those of the one it goes on as in a later frame. An
        object with several of these divides; one without any of either is a cell of its own.
    drift : bool
        Whether jumps of the stage are estimated, for the table of the drift.

    Raises
    ------
    ValueError
        If an edge names an object that is not there, goes back in time, or leads to an object
        that another edge leads to: it would be of two cells, or a cell twice in a frame.
    """
    objects, _ = described(frames, drift=drift)
    nodes = nodes_of(objects)
    known = set(nodes)
    after: dict[Node, list[Node]] = {node: [] for node in nodes}
    before: dict[Node, Node] = {}
    for edge in edges:
        one, two = ((int(t), int(label)) for t, label in edge)
        for t, label in (one, two):
            if (t, label) not in known:
                raise ValueError(f"an edge of object {label} of frame {t}, which has no such label")
        if one[0] >= two[0]:
            raise ValueError(f"an edge from frame {one[0]} to frame {two[0]}, which is not later")
        if two in before:
            raise ValueError(f"two edges that lead to object {two[1]} of frame {two[0]}")
        before[two] = one
        after[one].append(two)
    chains: list[list[Node]] = []
    owner: dict[Node, int] = {}
    for node in nodes:  # in the order of frames, so that the object before has an owner
        came = before.get(node)
        if came is None or len(after[came]) > 1:
            owner[node] = len(chains)
            chains.append([node])
        else:
            owner[node] = owner[came]
            chains[owner[node]].append(node)
    parents = {i: owner[before[chain[0]]] for i, chain in enumerate(chains) if chain[0] in before}
    held, parents = flag_merges(objects, dict(enumerate(chains)), parents)
    joined = sum(two[0] - one[0] > 1 for two, one in before.items())
    return Links(objects, chains, parents, joined, held=held)


def check_links(links: object) -> Links:
    """Return what the method `link` of a plug-in has made, if cells can be made of it.

    Raises TypeError where it is no `Links`, and ValueError where a cell has no object, one that
    is not there, or two in one frame.
    """
    if not isinstance(links, Links):
        raise TypeError(f"{type(links).__name__} in place of Links of fovea.plugins")
    counts = [len(here.areas) for here in links.objects]
    for number, chain in enumerate(links.chains, 1):
        if not chain:
            raise ValueError(f"cell {number} without any object")
        for t, label in chain:
            if not (0 <= t < len(counts) and 1 <= label <= counts[t]):
                raise ValueError(f"object {label} of frame {t}, which has no such label")
        ((t, times),) = Counter(t for t, _ in chain).most_common(1)
        if times > 1:
            raise ValueError(f"cell {number} twice in frame {t}")
    return links
