"""Scores of tracks against a reference: DET and TRA, complete tracks, links, divisions.

DET and TRA are defined by the Cell Tracking Challenge (Matula et al. 2015, PLoS ONE 10, e0144959):
1 minus the weighted cost of the operations that transform the graph of the result into that of
the reference, relative to the cost of building the reference from nothing. CT and TF are defined
by Ulman et al. 2017 (Nature Methods 14, 1141).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fovea.evaluation.scores import Match

SPLIT, MISSED, EXTRA = 5.0, 10.0, 1.0  # weights of operations on objects
EDGE_EXTRA, EDGE_MISSED, EDGE_KIND = 1.0, 1.5, 1.0  # weights of operations on links
MISSES = 2  # successive frames in which a cell of a complete track may be missed


@dataclass(frozen=True)
class Tracks:
    """Tracks: the frames of each ID, ascending, and the parents of IDs that have one."""

    frames: Mapping[int, np.ndarray]
    parents: Mapping[int, int]

    @classmethod
    def of(cls, labels_per_frame: list[np.ndarray], parents: Mapping[int, int] | None = None):
        """Collect tracks from the IDs that occur in each frame."""
        frames: dict[int, list[int]] = {}
        for t, labels in enumerate(labels_per_frame):
            for label in labels:
                frames.setdefault(int(label), []).append(t)
        kept = {c: p for c, p in (parents or {}).items() if p and c in frames and p in frames}
        return cls({name: np.array(known) for name, known in frames.items()}, kept)

    def edges(self) -> dict[tuple[tuple[int, int], tuple[int, int]], str]:
        """Return the kind of each link ((frame, ID), (frame, ID)): "same" or "division"."""
        found = {}
        for name, frames in self.frames.items():
            for t, after in pairwise(frames):
                found[(int(t), name), (int(after), name)] = "same"
        for child, parent in self.parents.items():
            ends, begins = int(self.frames[parent][-1]), int(self.frames[child][0])
            if ends < begins:
                found[(ends, parent), (begins, child)] = "division"
        return found


def track_scores(
    matches: list[Match],
    parents: Mapping[int, int] | None = None,
    reference_parents: Mapping[int, int] | None = None,
) -> dict[str, float]:
    """Compute the scores of a recording whose labels are IDs of cells; parents are by daughter.

    Returns
    -------
    dict
        - ``DET``, ``TRA``;
        - ``CT``: F1 score of tracks that agree from the first to the last frame;
        - ``TF``: mean over the reference tracks that are found of the longest fraction of their
          frames that one track covers without interruption;
        - ``complete``: fraction of reference tracks whose objects, where found, all have one ID
          that no other cell has, and are missed in at most two successive frames;
        - ``links``: fraction of the reference's links whose two objects have one ID;
        - ``links_of_found``: the same among links whose two objects are found;
        - ``divisions``: number in the reference; ``divisions_found``: of these, the number that is
          found to within one frame.

        A score is NaN where the reference has nothing to which it applies.
    """
    known = Tracks.of([m.reference for m in matches], reference_parents)
    found = Tracks.of([m.result for m in matches], parents)
    partner = {}  # (frame, reference ID) -> (frame, ID)
    for t, match in enumerate(matches):
        for i in np.flatnonzero(match.partner >= 0):
            partner[t, int(match.reference[i])] = (t, int(match.result[match.partner[i]]))
    nodes = sum(len(m.reference) for m in matches)
    owners: dict[tuple[int, int], int] = {}
    for node in partner.values():
        owners[node] = owners.get(node, 0) + 1
    alone = {name: node for name, node in partner.items() if owners[node] == 1}
    splits = len(partner) - len(owners)
    extra = sum(len(m.result) for m in matches) - len(owners)
    objects = SPLIT * splits + MISSED * (nodes - len(partner)) + EXTRA * extra
    links = _link_cost(known, found, partner, owners)
    edges = known.edges()
    nothing = MISSED * nodes + EDGE_MISSED * len(edges)
    scores = {
        "DET": 1 - min(objects, MISSED * nodes) / (MISSED * nodes) if nodes else np.nan,
        "TRA": 1 - min(objects + links, nothing) / nothing if nodes else np.nan,
        "CT": _complete_tracks(known, found, alone),
        "TF": _track_fractions(known, alone),
        "complete": _complete(known, partner, owners),
    }
    same = [pair for pair, kind in edges.items() if kind == "same"]
    both = [pair for pair in same if pair[0] in partner and pair[1] in partner]
    right = sum(partner[a][1] == partner[b][1] for a, b in both)
    scores["links"] = right / len(same) if same else np.nan
    scores["links_of_found"] = right / len(both) if both else np.nan
    scores["divisions"] = len(_families(known))
    scores["divisions_found"] = _divisions_found(known, found, partner)
    return scores


def _link_cost(known: Tracks, found: Tracks, partner, owners) -> float:
    """Return the cost of links between objects that each match one reference object."""
    back = {node: name for name, node in partner.items() if owners[node] == 1}
    wanted = known.edges()
    missing, extra, kind = dict(wanted), 0, 0
    for (a, b), sort in found.edges().items():
        if a in back and b in back:
            pair = back[a], back[b]
            if pair in missing:
                kind += missing.pop(pair) != sort
            else:
                extra += 1
    return EDGE_EXTRA * extra + EDGE_MISSED * len(missing) + EDGE_KIND * kind


def _ids_of(name: int, frames: np.ndarray, partner) -> list[int]:
    """Return the ID found for a reference cell in each of its frames, 0 where it is missed."""
    return [partner.get((int(t), name), (0, 0))[1] for t in frames]


def _complete_tracks(known: Tracks, found: Tracks, partner) -> float:
    right = 0
    for name, frames in known.frames.items():
        ids = set(_ids_of(name, frames, partner))
        if len(ids) == 1 and 0 not in ids:
            span = found.frames[ids.pop()]
            right += span[0] == frames[0] and span[-1] == frames[-1]
    total = len(known.frames) + len(found.frames)
    return float(2 * right / total) if total else np.nan


def _complete(known: Tracks, partner, owners) -> float:
    right = 0
    for name, frames in known.frames.items():
        nodes = [partner.get((int(t), name)) for t in frames]
        seen = [node for node in nodes if node is not None]
        missed = longest = 0
        for node in nodes:
            missed = missed + 1 if node is None else 0
            longest = max(longest, missed)
        alone = all(owners[node] == 1 for node in seen)
        right += longest <= MISSES and alone and len({node[1] for node in seen}) == 1
    return right / len(known.frames) if known.frames else np.nan


def _track_fractions(known: Tracks, partner) -> float:
    fractions = []
    for name, frames in known.frames.items():
        best = run = last = 0
        for identity in _ids_of(name, frames, partner):
            run = (run + 1 if identity == last else 1) if identity else 0
            last, best = identity, max(best, run)
        if best:
            fractions.append(best / len(frames))
    return float(np.mean(fractions)) if fractions else np.nan


def _families(tracks: Tracks) -> dict[int, set[int]]:
    """Return the daughters of each mother that has two or more."""
    families: dict[int, set[int]] = {}
    for child, parent in tracks.parents.items():
        families.setdefault(parent, set()).add(child)
    return {parent: children for parent, children in families.items() if len(children) > 1}


def _divisions_found(known: Tracks, found: Tracks, partner) -> int:
    """Count divisions whose mother and two daughters are found, to within one frame."""
    families, count = _families(found), 0
    for parent, children in _families(known).items():
        before = {i for i in _ids_of(parent, known.frames[parent][-2:], partner) if i}
        after = {}
        for child in children:
            first = _ids_of(child, known.frames[child][:2], partner)
            after[child] = {i for i in first if i}
        ends = known.frames[parent][-1]
        for mother, daughters in families.items():
            near = abs(int(found.frames[mother][-1]) - int(ends)) <= 1
            hits = sum(bool(ids & daughters) for ids in after.values())
            if mother in before and near and hits > 1:
                count += 1
                break
    return count


def inferred_parents(labels: list[np.ndarray]) -> dict[int, int]:
    """Infer mothers by daughter from IDs, (H, W) unsigned integer per frame, alone.

    Daughters are two new IDs in the place of one that has just ended.
    """
    parents = {}
    for before, here in pairwise(labels):
        ended = set(np.unique(before)) - set(np.unique(here)) - {0}
        new = set(np.unique(here)) - set(np.unique(before)) - {0}
        families: dict[int, list[int]] = {}
        for child in new:
            below = np.bincount(before[here == child])
            mother = int(below.argmax())
            if mother in ended and 2 * below[mother] > below.sum():
                families.setdefault(mother, []).append(int(child))
        for mother, children in families.items():
            if len(children) > 1:
                parents |= dict.fromkeys(children, mother)
    return parents
