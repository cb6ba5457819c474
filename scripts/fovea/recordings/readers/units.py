"""Units of length and time as microscopes' programs spell them."""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape

_LENGTHS = {
    "km": 1e9, "m": 1e6, "dm": 1e5, "cm": 1e4, "mm": 1e3, "µm": 1.0, "um": 1.0, "nm": 1e-3,
    "pm": 1e-6, "å": 1e-4, "in": 25400.0, '"': 25400.0, "ft": 304800.0, "kilometer": 1e9,
    "meter": 1e6, "decimeter": 1e5, "centimeter": 1e4, "millimeter": 1e3, "micrometer": 1.0,
    "micron": 1.0, "nanometer": 1e-3, "picometer": 1e-6, "angstrom": 1e-4, "ångström": 1e-4,
    "ångstrom": 1e-4, "inch": 25400.0, "foot": 304800.0, "feet": 304800.0,
}  # fmt: skip
_TIMES = {
    "d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6,
    "ns": 1e-9, "day": 86400.0, "hour": 3600.0, "hr": 3600.0, "hrs": 3600.0, "minute": 60.0,
    "mn": 60.0, "second": 1.0, "sec": 1.0, "millisecond": 1e-3, "msec": 1e-3, "microsecond": 1e-6,
    "microsec": 1e-6, "usec": 1e-6, "nanosecond": 1e-9, "nsec": 1e-9,
}  # fmt: skip
_GREATER = ("Mm", "Pm", "Ms", "Ps", "M")  # mega and peta, where small letters are milli and pico


@lru_cache(256)  # a description states the unit of each plane
def micrometers(unit: str) -> float | None:
    r"""Return a unit of length in micrometers, or None if it is not one.

    ImageJ writes what somebody typed: in singular or plural, in British or American spelling, with
    either of the two characters for micro, which may be escaped (``\u00B5``) or mangled.

    Examples
    --------
    >>> [micrometers(unit) for unit in ("microns", "\\u00B5m", "millimetres", "pixel")]
    [1.0, 1.0, 1000.0, None]
    """
    return _look_up(unit, _LENGTHS)


@lru_cache(256)
def seconds(unit: str) -> float | None:
    """Return a unit of time in seconds, or None if it is not one; spelled as for lengths."""
    return _look_up(unit, _TIMES)


def _look_up(unit: str, known: dict[str, float]) -> float | None:
    text = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), unescape(unit))
    for mangled in ("Âµ", "Î¼", "μ", "�"):  # UTF-8 read as Latin-1; the Greek letter; lost
        text = text.replace(mangled, "µ")
    text = " ".join(text.strip("\0 .()[]").split())
    if text in _GREATER:
        return None
    text = text.lower().replace("metre", "meter")
    text = re.sub(r"^(µ|micro)[ -]?(?=meter|sec)", "micro", text)
    text = re.sub(r" ?(/|per) ?pi?x(els?)?$", "", text)
    # A plural has more than three letters: ds and hs are units of their own.
    words = (text, text.removesuffix("s"), text.removesuffix("es")) if len(text) > 3 else (text,)
    return next((known[word] for word in words if word in known), None)
