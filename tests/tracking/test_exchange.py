"""Cells that were confused are exchanged, where their areas and shapes say so."""

from copy import deepcopy

import numpy as np
import pytest

from fovea.tracking.chains import Chains
from fovea.tracking.exchange import Evidence, exchange
from fovea.tracking.objects import describe, measure_shapes
from fovea.tracking.scales import Scales
from support.tracking import disk, frame


def parts(stack):
    """Chains of the labels of frames, each label being one cell, and what tells of them."""
    objects = []
    for here, labels in describe(stack, None, None, False):
        measure_shapes(here, labels)
        objects.append(here)
    names = [np.arange(1, len(o.areas) + 1) for o in objects[1:]]
    return objects, list(zip(names, names, strict=True))


@pytest.mark.parametrize("confused", [(), (6,), (4, 12)])
def test_links_that_were_made_crosswise(confused):
    """Cells of two sizes; wherever their links cross, they are exchanged, and nowhere else."""
    stack = [frame(disk(60, 60 + t, 10), disk(60, 84 + t, 11)) for t in range(16)]
    objects, links = parts(stack)
    for t in confused:
        links[t - 1] = links[t - 1][0], links[t - 1][1][::-1]
    chains = Chains(objects, links)
    rivals = [(t, 1, 2, *links[t - 1][1].tolist(), 0.5 if t in confused else 5.0)
              for t in range(1, 16)]  # fmt: skip
    scales = Scales.guess(20.0)
    exchange(chains, rivals, Evidence(chains, scales, scales))
    assert sorted(chains.chains.values()) == [[(t, n) for t in range(16)] for n in (1, 2)]


@pytest.mark.parametrize("taken", [True, False])
def test_an_object_that_was_given_to_a_cell_that_was_missed(taken):
    """One of two cells is missed; where it was given the object of the other, both go back."""
    stack = [frame(disk(60, 60 + t, 10), disk(60, 84 + t, 12)) for t in range(16)]
    stack[6] = frame(disk(60, 66, 10))
    objects, links = parts(stack)
    links[5] = np.array([2 if taken else 1]), np.array([1])
    links[6] = np.array([1]), np.array([1])
    chains = Chains(objects, links)
    others = sorted(c for c, nodes in chains.chains.items() if nodes[0][0] == 7)
    chains.append(0 if taken else 1, *others)
    missed, kept = (1, 2) if taken else (2, 1)
    rivals = [(6, missed, kept, 0, 1, -1.0 if taken else 4.0)]
    scales = Scales.guess(20.0)
    evidence = Evidence(chains, scales, scales)
    divided = deepcopy(chains)  # a later object, which both cells are in
    divided.chains[0] = [(t, 1 if t == 12 else n) for t, n in divided.chains[0]]
    divided.chains[1] = [(t, 1 if t == 12 else n) for t, n in divided.chains[1]]
    as_it_was = deepcopy(divided.chains)
    exchange(divided, rivals, evidence, lambda one, two: 3.0)
    assert divided.chains == as_it_was
    exchange(chains, rivals, evidence, lambda one, two: 3.0)
    assert sorted(chains.chains.values()) == [
        [(t, 1) for t in range(16)], [(t, 2) for t in range(16) if t != 6]
    ]  # fmt: skip
    assert all(chains.owner[node] == c for c, nodes in chains.chains.items() for node in nodes)
