"""Convolutions of exponential decays, from which kinetic models are composed.

The convolution of exp(-a t), exp(-b t), ... is, but for its sign, the divided difference of
exp(-r t) at the rates a, b, ...; written with the functions below it is exact where rates are
equal or nearly so, and nothing overflows for any rates and times of at least 0.

Times (N, T) are at least 0, rates are broadcast against them.
"""

from __future__ import annotations

import numpy as np

_TINY = 1e-300  # in place of 0, where a quotient has its limit
_SERIES = 1e-3  # below it (exp(-z) - 1 + z) / z² loses more digits than its series


def pair(time: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the convolution of two decays, (exp(-a t) - exp(-b t)) / (b - a)."""
    return _once(time, a, b)[0]


def pair_and_twice(time: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the convolutions of a with b, and of a, a and b.

    The convolution of a, b and b is the time times the first less the second.

    Notes
    -----
    With z = |a - b| t, p = (1 - exp(-z)) / z, q = (exp(-z) - 1 + z) / z² and the smaller of both
    rates r they are t exp(-r t) p and t² exp(-r t) q, if a is the smaller, else p - q for q.
    """
    both, once, z, down = _once(time, a, b)
    far = np.maximum(z, _SERIES)
    q = (down + far) / (far * far)
    small = z < _SERIES
    near = z[small]
    q[small] = 0.5 + near * (-1 / 6 + near * (1 / 24 - near / 120))
    once *= time
    q *= once
    larger = np.broadcast_to(a > b, (len(time), 1))[:, 0]
    if larger.any():
        q[larger] = time[larger] * both[larger] - q[larger]
    return both, q


def _once(time, a, b):
    """Return the convolution of a with b, t exp(-r t), z and exp(-z) - 1, all (N, T)."""
    z = np.abs(b - a) * time
    np.maximum(z, _TINY, out=z)
    down = np.expm1(-z)
    once = np.exp(-np.minimum(a, b) * time)
    once *= time
    both = down / z
    both *= once
    np.negative(both, out=both)
    return both, once, z, down
