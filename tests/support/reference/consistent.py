"""Labels that agree in time, plainly: masks of whole frames, one object after the other.

The rules are those that `fovea.segmentation.consistent` gives.
"""

import numpy as np


def area(mask):
    return int(mask.sum())


def names(labels):
    return [int(n) for n in np.unique(labels) if n]


def box(mask):
    rows, columns = np.nonzero(mask)
    inside = np.zeros(mask.shape, bool)
    inside[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return inside


def distances(mask, places):
    """From each of the places, (n, 2), to the nearest pixel of a mask."""
    away = places[:, None] - np.argwhere(mask)[None]
    return np.sqrt((away**2).sum(axis=2).min(axis=1))


def repair(before, labels, finer, coarser, later):
    """Repair a frame; returns labels, and (kind, label) sorted by label."""
    here = labels.copy().astype(np.int64)
    done = []
    free = iter(range(int(labels.max(initial=0)) + 1, 1 << 30))
    for name in names(labels):
        mask = labels == name
        cells = [c for c in names(before) if area(mask & (before == c)) > 0.5 * area(before == c)]
        if len(cells) > 1:
            parts = at_finer_borders(mask, before, cells, finer)
            parts = half_way(mask, before, cells, later) if parts is None else parts
            for i, part in enumerate(parts or []):
                own = name if i == 0 else next(free)
                here[part] = own
                done.append(("parted", own))
    parted, known = {name for _, name in done}, here.copy()
    for cell in names(before):
        place = before == cell
        pieces = [n for n in names(known) if n not in parted
                  and area(place & (known == n)) > 0.5 * area(known == n)]  # fmt: skip
        if len(pieces) < 2:
            continue
        group, fill = again(known, place, pieces, later)
        groups = [group] if group else list(together(known, pieces, coarser).values())
        for group in groups:
            kept = max(group, key=lambda n: (area(known == n), -n))
            here[np.isin(known, group)] = kept
            if fill is not None:
                here[fill & (here == 0)] = kept
            done.append(("joined", kept))
    missed = [c for c in names(before)
              if area((here > 0) & (before == c)) <= 0.3 * area(before == c)]  # fmt: skip
    for cell in missed:
        place = before == cell
        for kind, mask in (
            ("kept", faint(here, place, finer)),
            ("filled", hole(here, place, later)),
        ):
            if mask is not None:
                own = next(free)
                here[mask] = own
                done.append((kind, own))
                break
    if not done:
        return labels, []
    order = list(dict.fromkeys(n for n in here.ravel().tolist() if n))
    number = {name: i for i, name in enumerate(order, 1)}
    out = np.vectorize(lambda n: number.get(n, 0), otypes=[np.int64])(here)
    return out, sorted(((kind, number[n]) for kind, n in done), key=lambda d: d[1])


def at_finer_borders(mask, before, cells, finer):
    if finer is None:
        return None
    owned = {cell: np.zeros(mask.shape, bool) for cell in cells}
    rest = np.zeros(mask.shape, bool)
    for piece in np.unique(finer[mask]).tolist():
        part = mask & (finer == piece)
        shares = [area(part & (before == cell)) for cell in cells]
        if max(shares):
            owned[cells[int(np.argmax(shares))]] |= part
        else:
            rest |= part
    whole = [cell for cell in cells if area(owned[cell]) >= 0.3 * area(before == cell)]
    if len(whole) < 2:
        return None
    for cell in cells:
        rest |= owned[cell] if cell not in whole else False
    largest = max(whole, key=lambda cell: (area(owned[cell]), -cell))
    return [owned[cell] | (rest if cell == largest else False) for cell in whole]


def half_way(mask, before, cells, later):
    inside = box(mask)
    for n, frame in enumerate(later, 1):
        found = [o for o in names(frame) if area(mask & (frame == o)) > 0.5 * area(frame == o)]
        pairs = {}
        for cell in cells if len(found) > 1 else []:
            shares = [area(inside & (before == cell) & (frame == o)) for o in found]
            other = found[int(np.argmax(shares))]
            if max(shares) < 0.3 * min(area(before == cell), area(frame == other)):
                continue
            if other not in pairs or area(before == cell) > area(before == pairs[other]):
                pairs[other] = cell
        if len(pairs) > 1:
            places = np.argwhere(mask)
            ways = [distances(inside & (before == cell), places)
                    + distances(inside & (frame == other), places) / n
                    for other, cell in pairs.items()]  # fmt: skip
            nearest = np.full(mask.shape, -1)
            nearest[mask] = np.argmin(ways, axis=0)
            parts = [nearest == i for i in range(len(pairs))]
            whole = all(area(part) >= 0.3 * area(before == cell)
                        for part, cell in zip(parts, pairs.values(), strict=True))  # fmt: skip
            return parts if whole else None
    return None


def together(known, pieces, image):
    if image is None:
        return {}
    groups = {}
    for name in pieces:
        shares = {o: area((known == name) & (image == o)) for o in names(image)}
        other = max(shares, key=lambda o: (shares[o], -o), default=0)
        if other and shares[other] > 0.5 * area(known == name):
            groups.setdefault(other, []).append(name)
    return {other: group for other, group in groups.items() if len(group) > 1}


def again(known, place, pieces, later):
    votes = {}
    for frame in later:
        for other, group in together(known, pieces, frame).items():
            both = place & (frame == other)
            if area(both) >= 0.5 * min(area(place), area(frame == other)):
                votes.setdefault(tuple(group), []).append(both)
    group = max(votes, key=lambda g: len(votes[g]), default=())
    if 2 * len(votes.get(group, ())) <= len(later):
        return None, None
    return list(group), votes[group][0]


def faint(here, place, finer):
    if finer is None:
        return None
    pieces = [p for p in names(finer) if area(place & (finer == p)) > 0.5 * area(finer == p)
              and not here[finer == p].any()]  # fmt: skip
    mask = np.isin(finer, pieces) & (finer > 0)
    return mask if area(mask) >= 0.3 * area(place) and mask.any() else None


def hole(here, place, later):
    for frame in later:
        shares = {o: area(place & (frame == o)) for o in names(frame)}
        other = max(shares, key=lambda o: (shares[o], -o), default=0)
        if not other or shares[other] < 0.5 * max(area(place), area(frame == other)):
            continue
        mask = place & (frame == other) & (here == 0)
        return mask if 2 * area(mask) >= shares[other] else None
    return None


def consistent(frames, window):
    """`frames` are (labels, finer, coarser); the latter may be None."""
    known, decisions = None, []
    last = min(window, len(frames) - 1)
    order = [(t, [frames[s][0] for s in range(t)][::-1]) for t in range(last - 1, -1, -1)]
    known = frames[last][0]
    for t, later in order:
        known, decisions = repair(known, *frames[t], later)
    yield known, decisions
    for t in range(1, len(frames)):
        later = [frames[s][0] for s in range(t + 1, min(len(frames), t + window + 1))]
        known, decisions = repair(known, *frames[t], later)
        yield known, decisions
