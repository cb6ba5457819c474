"""Links of the first two frames by method `lap`, with loops, sets and whole frames."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def look(frame, label):
    """Area, centroid, shape and whether the edge cuts it, of one object."""
    y, x = np.nonzero(frame == label)
    yy, yx, xx = y.var() + 1 / 12, ((y - y.mean()) * (x - x.mean())).mean(), x.var() + 1 / 12
    height, width = frame.shape
    cut = y.min() == 0 or x.min() == 0 or y.max() == height - 1 or x.max() == width - 1
    shape = np.array([xx - yy, 2 * yx]) / (xx + yy)
    pressed = contact(frame, label) > 0.2 * 2 * np.sqrt(np.pi * len(y))
    return {"area": len(y), "centre": np.array([y.mean(), x.mean()]), "shape": shape, "cut": cut,
            "pressed": pressed}  # fmt: skip


def merged_pairs(parts, wholes, shared, areas, whole_areas):
    """Pairs of an object and another that it lies in for the most part, together with others."""
    holds = {}
    for (a, b), pixels in shared.items():
        if pixels >= 0.5 * areas[a]:
            holds.setdefault(b, set()).add(a)
    return {(a, b) for b, held in holds.items() for a in held
            if len(held) > 1 and grown(whole_areas[b], [areas[h] for h in held])}  # fmt: skip


def grown(whole, parts):
    """Whether an area exceeds the largest of some by most of what the others have."""
    return whole - max(parts) >= 0.7 * (sum(parts) - max(parts))


def contact(frame, label):
    """Length of the border with other labels; a gap of one pixel counts by a third."""
    found = 0
    height, width = frame.shape
    for y, x in zip(*np.nonzero(frame == label), strict=True):
        for dy, dx in ((0, 1), (0, 2), (1, 0), (2, 0), (0, -1), (0, -2), (-1, 0), (-2, 0)):
            if 0 <= y + dy < height and 0 <= x + dx < width:
                found += frame[y + dy, x + dx] not in (0, label)
    return found / 3


def costs(pair, scales):
    """Cost of a link, with scales of way, area, shape and overlap, in the open and when pressed."""
    one, two, iou = pair
    pressed = bool(one["pressed"] or two["pressed"])
    way, area, shape, apart = scales[pressed]
    ratio = [np.log(b / a) for a, b in zip(*scales, strict=True)]
    lower = 2 * ratio[0] + ratio[1] + 2 * ratio[2] + ratio[3] if pressed else 0
    wider = 4 if one["cut"] or two["cut"] else 1
    moved = ((two["centre"] - one["centre"]) ** 2).sum()
    areas = np.log(two["area"] / one["area"]) ** 2
    turned = ((two["shape"] - one["shape"]) ** 2).sum()
    return (lower + 2.5 * np.log(1 + moved / (3 * way**2))
            + 2 * np.log(1 + areas / (3 * (wider * area) ** 2))
            + 2.5 * np.log(1 + turned / (3 * (wider * shape) ** 2))
            + 4 * np.log(1 + (1 - iou) / (3 * apart)))  # fmt: skip


def gains(before, here):
    """Labels of both frames, and the gain of each possible link in the second round of linking."""
    old = {int(n): look(before, n) for n in np.unique(before) if n}
    new = {int(n): look(here, n) for n in np.unique(here) if n}
    areas, others = ({n: o["area"] for n, o in frame.items()} for frame in (old, new))
    diameter = np.sqrt(4 / np.pi * np.median(list(areas.values())))
    both = np.median([*areas.values(), *others.values()])
    reach = 1.5 * np.sqrt(4 / np.pi * both)
    shared = {(a, b): int(((before == a) & (here == b)).sum()) for a in old for b in new}
    near = {(a, b) for a, b in shared if shared[a, b]
            or np.hypot(*(new[b]["centre"] - old[a]["centre"])) <= reach}  # fmt: skip
    iou = {(a, b): shared[a, b] / (areas[a] + others[b] - shared[a, b]) for a, b in near}
    inside = {(a, b) for a, b in near if 2 * shared[a, b] >= min(areas[a], others[b])}
    went = {a for a, _ in merged_pairs(old, new, shared, areas, others)}
    back = {(b, a): pixels for (a, b), pixels in shared.items()}
    came = {b for b, _ in merged_pairs(new, old, back, others, areas)}
    seen = [[[value] * 12 for value in (0.25 * diameter, 0.1, 0.1, 0.3)] for _ in range(2)]
    outside = 0.0
    for second in (False, True):
        scales = [
            [max(np.median(values) / unit, floor) for values, unit, floor in
             zip(known, (1.1774, 0.6745, 1.1774, np.log(2)), (0.5, 0.02, 0.02, 0.03), strict=True)]
            for known in seen
        ]  # fmt: skip
        gain = {}
        for a, b in near:
            other = (a in went and 2 * shared[a, b] < areas[a]) or (
                b in came and 2 * shared[a, b] < others[b]
            )
            limit = 16 - 2 * np.log(0.02) - (16 if other and (a, b) not in inside else 0)
            value = limit - costs((old[a], new[b], iou[a, b]), scales)
            value -= 0 if (a, b) in inside else outside
            gain[a, b] = max(value, iou[a, b] if (a, b) in inside else 0)
        if second:
            return gain
        links = assign(gain)
        within = sum(pair in inside for pair in links)
        outside = max(0.0, np.log((within + 0.5) / (len(links) - within + 0.5)) - 2.5)
        for a, b in links:
            one, two = old[a], new[b]
            known = seen[bool(one["pressed"] or two["pressed"])]
            known[0].append(np.hypot(*(two["centre"] - one["centre"])))
            known[1].append(abs(np.log(two["area"] / one["area"])))
            known[2].append(np.hypot(*(two["shape"] - one["shape"])))
            known[3].append(1 - iou[a, b])
    raise AssertionError


def assign(gain):
    """Pairs with the largest sum of gains, each connected group of them being one matrix."""
    left, right = (sorted({pair[side] for pair in gain}) for side in (0, 1))
    matrix = np.zeros((len(left), len(right)))
    for (a, b), value in gain.items():
        matrix[left.index(a), right.index(b)] = value
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    return [(left[i], right[j]) for i, j in zip(rows, columns, strict=True) if matrix[i, j] > 0]
