"""Fields of drawn cells with known outlines: packed rods and ellipses, sparse bent rods.

Phase contrast is imitated by subtracting a blurred image of the bodies and adding a wider one: that
gives the halo, and makes cells inside a colony paler than those at its edge. Bright cells have a
dark rim, as yeast out of focus has.
"""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

LEVEL = 6000  # counts of the surroundings


def separate(centre, angle, length, width, steps):
    """Push overlapping rods apart and turn them, in place; `length` is that of the straight part.

    Rods are lines of spheres; each sphere is pushed away from the axis of the other rod.
    """
    along = np.linspace(-0.5, 0.5, 7)
    for _ in range(steps):
        axis = np.stack([np.sin(angle), np.cos(angle)], 1)
        near = cKDTree(centre).query_pairs(length.max() + width, output_type="ndarray")
        if len(near) == 0:
            return
        a, b = np.concatenate([near, near[:, ::-1]]).T
        arm = (along[:, None] * length[a, None, None]) * axis[a, None]
        apart = centre[a, None] + arm - centre[b, None]
        half = length[b, None] / 2
        place = np.clip((apart * axis[b, None]).sum(-1), -half, half)[..., None] * axis[b, None]
        apart -= place
        distance = np.linalg.norm(apart, axis=-1, keepdims=True)
        overlap = np.maximum(width - distance, 0)
        if overlap.max() < 0.02 * width:
            return
        push = apart / np.maximum(distance, 1e-6) * overlap * 0.5
        force, torque, number = np.zeros_like(centre), np.zeros(len(angle)), np.ones(len(angle))
        for sign, rod, lever in ((1, a, arm), (-1, b, place)):
            np.add.at(force, rod, sign * push.sum(1))
            np.add.at(number, rod, (overlap > 0).sum((1, 2)))
            turn = lever[..., 1] * push[..., 0] - lever[..., 0] * push[..., 1]
            np.add.at(torque, rod, sign * turn.sum(1))
        centre += force / number[:, None]
        angle += torque / number / np.maximum(length**2 / 12 + width**2 / 8, 1)


def rods(shape, centre, angle, length, radius, bend=None):
    """Labels of rods; a pixel in several belongs to the one whose axis is the nearest."""
    labels, best = np.zeros(shape, np.int32), np.full(shape, 1.0)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for i, (centre_y, centre_x) in enumerate(centre):
        sine, cosine = np.sin(angle[i]), np.cos(angle[i])
        along = (y - centre_y) * sine + (x - centre_x) * cosine
        across = (y - centre_y) * cosine - (x - centre_x) * sine
        if bend is not None:
            across = across - bend[i] * (2 * along**2 / length[i] - length[i] / 6)
        away = np.hypot(across, np.maximum(np.abs(along) - length[i] / 2, 0)) / radius
        labels[away < best] = i + 1
        best = np.minimum(best, away)
    return labels


def borders(labels):
    """Distance of each pixel to the nearest one where two labels touch."""
    touching = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        for shift in (1, -1):
            other = np.roll(labels, shift, axis)
            touching |= (other != labels) & (other > 0) & (labels > 0)
    return ndimage.distance_transform_edt(~touching) if touching.any() else np.full(labels.shape, 9)


def exposed(rng, image, noise, grain):
    """Counts of an image whose surroundings are 1, with grain on the slide and noise."""
    mottle = ndimage.gaussian_filter(rng.normal(size=image.shape), 1.8)
    image = image + grain * mottle / mottle.std() + rng.normal(0, noise, image.shape)
    return np.clip(LEVEL * image, 0, 65535).astype(np.uint16)


def phase_contrast(rng, labels, body, width, amplitude=0.45, noise=0.01, grain=0.01):
    """Frame of dark bodies that vary in contrast."""
    each = np.concatenate([[0], rng.normal(1, 0.06, labels.max())])
    dark = np.where(body, each[labels], 0)
    sharp, wide = (ndimage.gaussian_filter(dark, s * width) for s in (0.12, 1.2))
    return exposed(rng, 1 - amplitude * (sharp - 0.75 * wide), noise, grain)


def colony(seed, number=60, width=12, length=2.2, gap=1.05):
    """Frame and labels of a dense colony of rods that grew from one, with thin pale borders."""
    rng = np.random.default_rng(seed)
    centre, angle = np.zeros((1, 2)), rng.uniform(0, np.pi, 1)
    size, rate = np.array([0.7 * length * width]), np.ones(1)
    while len(centre) < number:
        size = size * (1 + 0.05 * rate)
        divide = size > length * width * (1.35 + 0.15 * rng.normal(size=len(size)))
        old = np.flatnonzero(divide)
        axis = np.stack([np.sin(angle[old]), np.cos(angle[old])], 1)
        half = (size[old] - width) / 2
        shift = axis * ((half + width) / 2)[:, None]
        centre = np.concatenate([centre, centre[old] - shift])
        centre[old] += shift
        angle = np.concatenate([angle, angle[old] + rng.normal(0, 0.12, len(old))])
        size[old] = half
        size = np.concatenate([size, half])
        rate = np.concatenate([rate, rng.uniform(0.8, 1.2, len(old))])
        separate(centre, angle, size, width * gap, 12)
    separate(centre, angle, size, width * gap, 150)
    side = int(np.ptp(centre, axis=0).max() + 7 * width)
    centre += side / 2 - (centre.min(0) + centre.max(0)) / 2
    labels = rods((side, side), centre, angle, size, width / 2)
    body = (labels > 0) & (borders(labels) >= 0.07 * width)
    return phase_contrast(rng, labels, body, width), labels


def sparse(seed, number=20, width=8, side=300):
    """Frame and labels of bent rods that lie apart or touch here and there."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(2 * width, side - 2 * width, (number, 2))
    angle, size = rng.uniform(0, np.pi, number), width * rng.uniform(1.6, 3.4, number)
    separate(centre, angle, size, width * 1.15, 200)
    bend = rng.normal(0, 0.12, number)
    labels = rods((side, side), centre, angle, size, width / 2, bend)
    return phase_contrast(rng, labels, labels > 0, width, amplitude=0.3), labels


def yeast(seed, number=50, diameter=28.0, side=330, bright=False):
    """Frame and labels of packed ellipses: dark with vacuoles, or bright with a dark rim."""
    rng = np.random.default_rng(seed)
    centre = side / 2 + rng.uniform(-0.4, 0.4, (number, 2)) * np.sqrt(number) * diameter
    radius = diameter / 2 * rng.choice([1, 1, 1, 0.75], number) * rng.uniform(0.9, 1.1, number)
    for _ in range(300):
        a, b = cKDTree(centre).query_pairs(1.3 * diameter, output_type="ndarray").T
        apart = centre[a] - centre[b]
        distance = np.linalg.norm(apart, axis=1)
        overlap = np.maximum(radius[a] + radius[b] - distance, 0)
        push = apart / np.maximum(distance, 1e-6)[:, None] * overlap[:, None] * 0.4
        np.add.at(centre, a, push)
        np.add.at(centre, b, -push)
    longer, angle = np.sqrt(rng.uniform(1, 1.3, number)), rng.uniform(0, np.pi, number)
    labels, rho = np.zeros((side, side), np.int32), np.full((side, side), 9.0)
    vacuoles = np.zeros((side, side))
    y, x = np.mgrid[:side, :side]
    for i in range(number):
        dy, dx = y - centre[i, 0], x - centre[i, 1]
        sine, cosine = np.sin(angle[i]), np.cos(angle[i])
        own = np.hypot((dy * sine + dx * cosine) / longer[i], (dy * cosine - dx * sine) * longer[i])
        own /= radius[i]
        labels[(own <= 1) & (own < rho)] = i + 1
        rho = np.minimum(rho, own)
        if i % 2:
            vy, vx = rng.normal(0, 0.15 * diameter, 2)
            spot = np.exp(-((dy - vy) ** 2 + (dx - vx) ** 2) / (0.02 * diameter**2))
            vacuoles += 0.18 * spot * (labels == i + 1)
    inside = labels > 0
    depth = np.minimum(borders(labels), ndimage.distance_transform_edt(inside))
    depth = np.where(inside, depth, -ndimage.distance_transform_edt(~inside)) * 30 / diameter
    unit = diameter / 30
    if bright:
        light = np.where(inside, 0.5 * (1 - np.minimum(rho, 1) ** 2), 0)
        image = 1 + ndimage.gaussian_filter(light, 2 * unit) - 0.3 * np.exp(-((depth / 2.2) ** 2))
    else:
        dark = np.where(inside, 0.3 + 0.15 * np.exp(-(((depth - 3) / 2) ** 2)) - vacuoles, 0)
        halo = ndimage.gaussian_filter(0.24 * inside, 6 * unit)
        image = 1 - ndimage.gaussian_filter(dark, 0.9 * unit) + halo
        image += 0.15 * np.exp(-((depth / 1.6) ** 2))
    return exposed(rng, image, 0.01, 0.008), labels


def diameter_of(labels):
    """Diameter of a disk of the median area of the labels."""
    areas = np.bincount(labels.ravel())[1:]
    return float(np.sqrt(4 / np.pi * np.median(areas[areas > 0])))
