"""Mode `network` of segmentation `phase`, with whole arrays, and pixel by pixel where it floods.

Written from ``docs/algorithms.md`` and ``docs/network.md``. Sums of float32 run in the documented
order, so that the fast version must give the same bits.
"""

import numpy as np

from . import phase, phase_parts

F = np.float32
LEVELS = 1024
#: Polynomials of three coefficients at 0, 1, -1, 2, -2 and infinity, scaled.
POINTS = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24


def shares(size, new_size):
    """For each new pixel the old ones that it is made of, and their shares."""
    scale = size / new_size
    out = []
    for i in range(new_size):
        if scale > 1:
            begin, end = i * scale, (i + 1) * scale
            parts = [(j, (min(j + 1, end) - max(j, begin)) / scale)
                     for j in range(size) if min(j + 1, end) > max(j, begin)]  # fmt: skip
        else:
            centre = min(max((i + 0.5) * scale - 0.5, 0), size - 1)
            left = int(centre)
            parts = [(left, 1 - (centre - left))]
            if left + 1 < size:
                parts.append((left + 1, centre - left))
        out.append(parts)
    return out


def along_rows(image, new_size):
    out = []
    for (first, share), *others in shares(len(image), new_size):
        total = F(share) * image[first]
        for j, share in others:
            total = total + F(share) * image[j]
        out.append(total)
    return np.array(out, F)


def resample(image, shape):
    """Down the columns first, then along the rows."""
    return along_rows(along_rows(image, shape[0]).T, shape[1]).T


def nearest(labels, shape):
    places = [
        ((2 * np.arange(m) + 1) * n) // (2 * m) for n, m in zip(labels.shape, shape, strict=True)
    ]
    return labels[np.ix_(*places)]


def features(flat, diameter):
    """Brightness, texture, and brightness relative to what is near, at 18 pixels per diameter."""
    flat = in_spreads(flat)
    if flat is None:
        return None
    shape = tuple(max(1, round(n * 18 / diameter)) for n in flat.shape)
    mean = phase.gaussian(flat, max(0.019 * diameter, 0.6))
    variance = phase.gaussian(flat * flat, max(0.019 * diameter, 0.6)) - mean * mean
    bright = np.ascontiguousarray(resample(flat, shape))  # sums run in the order of memory
    texture = resample(np.maximum(variance, 0), shape).astype(np.float64)
    near, around = relative(bright)
    texture = 0.5 * np.log(texture / around**2 + 1e-3) + 1
    return np.stack([np.arcsinh(bright.astype(np.float64)), texture, near]).astype(F)


def in_spreads(flat):
    spread = flat[::2, ::2].astype(np.float64).std()
    return flat * F(1 / spread) if spread > 0 else None


def magnified(flat, diameter):
    """Brightness at 18 pixels per diameter, in units of the frame's spread."""
    return resample(in_spreads(flat), tuple(max(1, round(n * 18 / diameter)) for n in flat.shape))


def relative(bright):
    """Brightness less the mean of about a diameter, in units of the spread there; that spread.

    Mean and spread come from blocks of 6 x 6 pixels, the edge repeated.
    """
    height, width = bright.shape
    padded = np.pad(bright, [(0, -n % 6) for n in bright.shape], mode="edge")
    blocks = padded.reshape(len(padded) // 6, 6, padded.shape[1] // 6, 6)
    means, squares = (
        phase.gaussian(sum(sum(a[:, y, :, x] for x in range(6)) for y in range(6)) / F(36), 3.0)
        for a in (blocks, blocks * blocks)
    )
    spread = np.sqrt(np.maximum(squares - means * means, 0) + F(0.3**2))
    mean, spread = (resample(a, padded.shape)[:height, :width] for a in (means, spread))
    return np.clip((bright - mean) / spread, -8, 8), spread


def convolve(image, weights, bias):
    """3 x 3, edges repeated, rectified: Winograd's F(4 x 4, 3 x 3), channels one after the other.

    Tiles are 6 x 6 pixels, 4 apart: the image is extended to whole ones.
    """
    channels, height, width = image.shape
    padded = np.pad(image, ((0, 0), (1, 1 + -height % 4), (1, 1 + -width % 4)), "edge")
    rows, columns = (n // 4 for n in padded.shape[1:])
    tiles = [[padded[:, y : y + 4 * rows - 3 : 4, x : x + 4 * columns - 3 : 4]
              for x in range(6)] for y in range(6)]  # fmt: skip
    tiles = along_both(np.array(tiles), before)
    weights = transformed(weights).transpose(2, 3, 0, 1)[..., None, None]
    sums = np.zeros((6, 6, len(bias), rows, columns), F)
    for c in range(channels):
        sums = sums + weights[:, :, :, c] * tiles[:, :, None, c]
    out = np.empty((len(bias), 4 * rows, 4 * columns), F)
    for y, line in enumerate(along_both(sums, after)):
        for x, pixels in enumerate(line):
            out[:, y::4, x::4] = np.maximum(pixels + bias[:, None, None], 0)
    return out[:, :height, :width]


def transformed(weights):
    """The 6 x 6 weights of (O, C, 3, 3), in double precision until the end."""
    weights = weights.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        rows = [[dot(POINTS[x], weights[:, :, y].T) for x in range(6)] for y in range(3)]
        values = [[dot(POINTS[y], column) for column in zip(*rows, strict=True)] for y in range(6)]
        return np.array(values).transpose(3, 2, 0, 1).astype(F)


def dot(factors, values):
    return factors[0] * values[0] + factors[1] * values[1] + factors[2] * values[2]


def along_both(values, transform):
    """Transform columns, then rows, of values in rows and columns."""
    rows = np.array(transform(values))
    return np.array(transform(rows.swapaxes(0, 1))).swapaxes(0, 1)


def before(d):
    """Six pixels of a tile, along one axis, to six values."""
    even, odd = d[4] - 4 * d[2], d[3] - 4 * d[1]
    further, difference = d[4] - d[2], d[3] - d[1]
    return [
        4 * (d[0] - d[2]) + further, even + odd, even - odd,
        further + 2 * difference, further - 2 * difference, d[5] - d[3] - 4 * difference,
    ]  # fmt: skip


def after(m):
    """Six sums, along one axis, to four pixels."""
    near, slope, far, steep = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [m[0] + near + far, slope + 2 * steep, near + 4 * far, slope + 8 * steep + m[5]]


def mix(image, weights, bias):
    out = []
    for w, b in zip(weights, bias, strict=True):
        total = np.zeros(image.shape[1:], F)
        for c in range(len(image)):
            total = total + w[c, 0, 0] * image[c]
        out.append(total + b)
    return np.array(out, F)


def predict(seen, arrays):
    """The network on a whole frame."""
    height, width = seen.shape[1:]
    depth = sum(name.startswith("enc") and name.endswith(".0.0.b") for name in arrays)
    n = 2**depth
    seen = np.pad(seen, ((0, 0), (0, -height % n), (0, -width % n)), "symmetric")
    image = np.concatenate([[c[dy::2, dx::2] for dy in (0, 1) for dx in (0, 1)] for c in seen])
    levels = []
    for i in range(depth):
        if i:
            image = np.maximum.reduce([image[:, y::2, x::2] for y in (0, 1) for x in (0, 1)])
        for j in range(2):
            image = convolve(image, arrays[f"enc.{i}.{j}.0.w"], arrays[f"enc.{i}.{j}.0.b"])
        levels.append(image)
    for i in reversed(range(depth - 1)):
        small = mix(image, arrays[f"lat.{i}.w"], arrays[f"lat.{i}.b"])
        image = levels[i] + small.repeat(2, axis=1).repeat(2, axis=2)
        image = convolve(image, arrays[f"dec.{i}.0.w"], arrays[f"dec.{i}.0.b"])
    parts = mix(image, arrays["out.w"], arrays["out.b"])
    out = np.empty((3, *seen.shape[1:]), F)
    for k, part in enumerate(parts):
        out[k // 4, k % 4 // 2 :: 2, k % 2 :: 2] = part
    return out[:, :height, :width]


def basins(levels, mask, least_rise, least_peak):
    """Regions of the peaks, by flooding from the highest level down; 0 where there is no peak."""
    own, peaks, group = {}, {}, {}

    def root(i):
        while group[i] != i:
            i = group[i]
        return i

    ranked = sorted(zip(*np.nonzero(mask), strict=True), key=lambda p: -int(levels[p]))
    for y, x in ranked:
        around = [p for p in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)) if p in own]
        if not around:
            number = len(peaks) + 1
            peaks[number], group[number] = int(levels[y, x]), number
            own[y, x] = number
            continue
        own[y, x] = own[max(around, key=lambda p: int(levels[p]))]
        for p in around:
            higher, lower = sorted((root(own[y, x]), root(own[p])))
            rise = peaks[lower] - int(levels[y, x])
            if higher != lower and (rise < least_rise or peaks[lower] <= least_peak):
                group[lower] = higher
    out = np.zeros(levels.shape, np.int32)
    for p, number in own.items():
        if peaks[root(number)] > least_peak:
            out[p] = root(number)
    return out


def without_faint(labels, bright, least, noise=0.0):
    """Labels without those that differ too little from what is around them, by their spread."""
    around = phase_parts.grow(labels, np.ones(labels.shape, bool), 2)
    names = np.unique(labels[labels > 0]).tolist()
    if noise and names:
        calm = phase.gaussian(bright, 1.0)
        best = best_of_neighbours(around, spreads_of(around, calm, names))
        values, free = phase.sample(calm), phase.sample(around) == 0
        seen = [values, values[free]] if free.sum() >= 100 else [values]
        ground = min(1.4826 * float(np.median(np.abs(v - np.median(v)))) for v in seen)
        names = [name for name in names if best[name] >= noise * ground]
    if least and names:
        spreads = spreads_of(around, bright, np.unique(labels[labels > 0]).tolist())
        ordered = sorted(spreads[name] for name in names)
        sums = np.cumsum(ordered)
        usual = next(s for s, total in zip(ordered, sums, strict=True) if total >= sums[-1] / 2)
        best = best_of_neighbours(around, spreads)
        names = [name for name in names if best[name] >= least * usual]
    return np.where(np.isin(labels, names), labels, 0)


def spreads_of(around, bright, names):
    """Standard deviation of the brightness in each object and around it, by name."""
    spreads = {}
    for name in names:
        values = bright[around == name].astype(np.float64)
        mean, square = (np.cumsum(v)[-1] / len(values) for v in (values, values * values))
        spreads[name] = np.sqrt(max(square - mean * mean, 0.0))
    return spreads


def best_of_neighbours(around, spreads):
    """The largest spread of each object and of those that it touches."""
    best = dict(spreads)
    for a, b in ((around[1:], around[:-1]), (around[:, 1:], around[:, :-1])):
        for one, other in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
            if one and other:
                best[one] = max(best[one], spreads[other])
                best[other] = max(best[other], spreads[one])
    return best


def logistic(values):
    return (1 / (1 + np.exp(-np.clip(values, -80, 80).astype(np.float64)))).astype(F)


def segment_network(frame, diameter, p, arrays):
    """Labels of a frame; arrays are those of the file of weights, as float32."""
    flat = phase.flatten(frame, diameter)
    seen = features(flat, p.scale * diameter)
    if seen is None:
        return np.zeros(frame.shape, np.uint16)
    looks = []
    for step in (1, -1)[: 1 + (diameter >= p.twice_from)]:
        inside, contact, depth = predict(seen[:, ::step, ::step], arrays)[:, ::step, ::step]
        looks.append((logistic(inside), depth - F(p.contact_weight) * logistic(contact)))
    inside, depth = (sum(parts) / F(len(looks)) for parts in zip(*looks, strict=True))
    depth = phase.gaussian(depth, p.smoothing * 18)
    levels = ((np.clip(depth, F(-1), F(60)) + F(1)) * F(LEVELS)).astype(np.uint16)
    small = basins(levels, inside > F(p.level), round(p.least_rise * LEVELS),
                   round((p.least_depth + 1) * LEVELS))  # fmt: skip
    if p.least_contrast or p.noise_level:
        bright = magnified(flat, p.scale * diameter)
        small = without_faint(small, bright, p.least_contrast, p.noise_level)
    mask = resample(inside, frame.shape) > F(p.level)
    labels = np.where(mask, nearest(small, frame.shape), 0).astype(np.int32)
    labels = phase_parts.grow(labels, mask, max(1, round(p.reach * diameter)))
    return phase.numbered(labels, p.min_area * diameter**2)
