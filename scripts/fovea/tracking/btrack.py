"""Tracking `btrack`: Kalman filters and global optimisation, by the package of that name.

Ulicna et al. 2021, Frontiers in Computer Science 3, 734559. btrack is optional, and imported when
the tracker is used. It needs a release of 0.7.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from fovea.errors import FoveaError
from fovea.tracking.edges import described, nodes_of
from fovea.tracking.flagging import flag_merges
from fovea.tracking.links import Links, Node

_MOST_LOST = 10  # btrack's own limit to frames without an observation within one tracklet
_FAR = 30.0  # pixels that a cell may move where the config does not say
_GLPK = {"msg_lev": "GLP_MSG_OFF"}  # and no time limit, on which the result would depend


@dataclass
class BtrackTracker:
    """Link objects by their motion, with the package btrack.

    Parameters
    ----------
    max_distance : float or None
        Pixels that a cell may move from one frame to the next, 30 for None; the errors of the
        motion model are in proportion to it.

    The others are as for `fovea.tracking.linker.TwoPassTracker`.
    """

    min_size: int | None = None
    max_size: int | None = None
    max_gap: int = 2
    divisions: bool = False
    drift: bool = True
    max_distance: float | None = None

    def link(self, frames: Iterable[np.ndarray]) -> Links:
        """Link the objects of frames of labels, (H, W) unsigned integer each."""
        btrack = _package()  # before the frames are read
        objects, shape = described(frames, self.min_size, self.max_size, self.drift)
        nodes = nodes_of(objects)
        if not nodes:
            return Links(objects, [], {})
        tracks = self._tracks(btrack, objects, nodes, shape)
        return self._links(objects, nodes, tracks)

    def _tracks(self, btrack, objects, nodes: list[Node], shape) -> list[tuple]:
        """(name, parent, indices of nodes) of each of btrack's tracks."""
        drift = np.cumsum([here.shift for here in objects], axis=0)
        centres = np.array([objects[t].centres[label - 1] - drift[t] for t, label in nodes])
        y, x = zip(np.minimum(0, centres.min(axis=0)), np.maximum(shape, centres.max(axis=0)),
                   strict=True)  # fmt: skip
        points = [
            btrack.btypes.PyTrackObject.from_dict(
                {"ID": i, "t": t, "x": float(centre[1]), "y": float(centre[0]), "z": 0.0}
            )
            for i, ((t, _), centre) in enumerate(zip(nodes, centres, strict=True))
        ]
        logging.getLogger("btrack").setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _tracker(btrack) as tracker:
                tracker.configure(self.configuration())
                tracker.append(points)
                tracker.volume = (tuple(x), tuple(y))
                tracker.track(step_size=100)
                tracker.optimise(options=_GLPK)
                # points that btrack puts where nothing was seen have negative indices
                return [
                    (track.ID, track.parent, [int(i) for i in track.refs if i >= 0])
                    for track in tracker.tracks
                ]

    def configuration(self) -> dict:
        """Motion and hypotheses, as btrack's `TrackerConfig` takes them.

        The motion model is a constant velocity with random acceleration. The variance of measured
        positions (x, y, z) is a sixth of `max_distance`.
        """
        reach, one, none = self.max_distance or _FAR, np.eye(3), np.zeros((3, 3))
        motion = {
            "measurements": 3,
            "states": 6,
            "A": np.block([[one, one], [none, one]]),
            "H": np.hstack([one, none]),
            "P": np.diag([0.1, 0.1, 0.1, 1, 1, 1]) * 5 * reach,
            "G": np.array([[0.5, 0.5, 0.5, 1, 1, 1]]) * reach / 2,
            "R": one * reach / 6,
            "accuracy": 7.5,
            "prob_not_assign": 0.1,
            "max_lost": min(max(1, self.max_gap), _MOST_LOST),
        }
        # without "P_FP" and "P_dead" no object is dropped
        branches = ["P_branch"] if self.divisions else []
        hypotheses = {
            "hypotheses": ["P_init", "P_term", "P_link", *branches],
            "lambda_time": 5.0,
            "lambda_dist": 3.0,
            "lambda_link": reach / 3,
            "lambda_branch": 50.0,
            "eta": 1e-10,
            "theta_dist": 20.0,
            "theta_time": 5.0,
            "dist_thresh": 1.5 * reach,
            "time_thresh": max(2, self.max_gap + 1),
            "apop_thresh": 5,
            "segmentation_miss_rate": 0.1,
            "apoptosis_rate": 0.001,
            "relax": True,
        }
        models = {"motion_model": motion, "hypothesis_model": hypotheses}
        return models | {"max_search_radius": reach}

    def _links(self, objects, nodes: list[Node], tracks) -> Links:
        """Turn tracks into chains, cut at gaps longer than `max_gap`; no object is left out."""
        chains: list[list[Node]] = []
        first: dict[int, int] = {}  # name of a track: its first chain, and its last one
        last: dict[int, int] = {}
        for name, _, members in tracks:
            if members:
                track = sorted(nodes[i] for i in members)
                missed = (after[0] - here[0] - 1 for here, after in pairwise(track))
                cuts = [i for i, n in enumerate(missed, 1) if n > self.max_gap]
                first[name] = len(chains)
                chains += [track[a:b] for a, b in pairwise([0, *cuts, len(track)])]
                last[name] = len(chains) - 1
        parents = {}
        for name, parent, _ in tracks:
            if parent != name and name in first and parent in last:
                missed = chains[first[name]][0][0] - chains[last[parent]][-1][0] - 1
                if 0 <= missed <= self.max_gap:
                    parents[first[name]] = last[parent]
        joined = sum(b[0] - a[0] > 1 for track in chains for a, b in pairwise(track))
        seen = set(chain.from_iterable(chains))
        chains += [[n] for n in nodes if n not in seen]
        held, parents = flag_merges(objects, dict(enumerate(chains)), parents, self.max_gap)
        return Links(objects, chains, parents, joined, held=held)


def _package():
    """The package btrack."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the packages that it imports
            import btrack
    except ImportError as error:
        raise FoveaError(
            f"tracking method btrack needs the package btrack ({error}); install it where "
            "Snakemake runs with `pip install 'btrack>=0.7,<0.8'`, or choose method lap or iou"
        ) from error
    return btrack


def _tracker(btrack):
    """A tracker of btrack; opening it loads its compiled part."""
    try:
        return btrack.BayesianTracker(verbose=False)
    except Exception as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise FoveaError(
            f"tracking method btrack: the compiled part of btrack cannot be loaded ({reason}); "
            "install a btrack that suits this system, or choose method lap or iou"
        ) from error
