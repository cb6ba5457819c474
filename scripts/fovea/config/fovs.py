"""Lists of fields of view as users write them: ``all``, ``"0-5, 7"`` or ``[0, 1]``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fovea.errors import FoveaError, show

ALL = "all"
LAST = 99_999  # larger indices are typing errors, and a range up to them would fill the memory
_HELP = 'allowed: all, a range such as "0-5, 7" (inclusive) or a list such as [0, 1]'
_PART = re.compile(r"([0-9]+)(?:\s*-\s*([0-9]+))?")


def parse_fovs(value: str | list[int]) -> list[int] | None:
    """Read a list of fields of view: ascending, without duplicates, None for all.

    It is ``"all"``; comma-separated indices and ranges, both ends inclusive; or a list of indices.
    If it is none of these, or names no field of view, the message of the FoveaError does not say
    where the value stands.
    """
    if isinstance(value, str):
        if value.strip() == ALL:
            return None
        found = _parse_text(value)
    elif isinstance(value, list | tuple):
        found = [_parse_index(item) for item in value]
    elif isinstance(value, int) and not isinstance(value, bool):
        raise FoveaError(
            f"{value} is a single number; write [{value}] for that field of view alone, "
            f'or "0-{value}" for all up to it'
        )
    else:
        raise FoveaError(f"{show(value)} is no list of fields of view; {_HELP}")
    if not found:
        raise FoveaError(f"{show(value)} names no field of view; {_HELP}")
    return sorted(set(found))


def format_fovs(fovs: Iterable[int] | str) -> str:
    """Write fields of view as `parse_fovs` reads them, as briefly as possible: ``0-5, 7``."""
    if isinstance(fovs, str):
        return fovs
    runs: list[list[int]] = []
    for fov in sorted(set(fovs)):
        if runs and fov == runs[-1][1] + 1:
            runs[-1][1] = fov
        else:
            runs.append([fov, fov])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _parse_text(text: str) -> list[int]:
    ranges: list[tuple[int, int]] = []
    for part in map(str.strip, text.split(",") if text.strip() else ()):
        match = _PART.fullmatch(part)
        if match is None:
            raise FoveaError(_explain(part, text))
        first, last = (
            _in_bounds(int(number.lstrip("0")[:20] or "0"))  # Python reads 4,300 digits, no more
            for number in (match[1], match[2] or match[1])
        )
        if last < first:
            raise FoveaError(
                f"the range {show(part)} runs backwards; did you mean '{last}-{first}'?"
            )
        ranges.append((first, last))
    found, end = [], 0
    for first, last in sorted(ranges):  # each index once, however often it is named
        found.extend(range(max(first, end), last + 1))
        end = max(end, last + 1)
    return found


def _explain(part: str, text: str) -> str:
    if not part:
        return f"{show(text)} has a comma too many; {_HELP}"
    if re.fullmatch(r"-\s*[0-9]+", part):
        return f"{show(part)} is negative; fields of view are counted from 0; {_HELP}"
    if part.lower() == ALL:
        return f"{show(part)} is not understood here; {_HELP}; did you mean 'all'?"
    if re.search(r"[;:]", part):
        return f"{show(part)} is not understood; commas separate, and '0-5' is a range; {_HELP}"
    return f"{show(part)} is neither a field of view nor a range; {_HELP}"


def _parse_index(item: object) -> int:
    if isinstance(item, bool) or not isinstance(item, int):
        raise FoveaError(
            f"{show(item)} is no field of view; a list holds whole numbers only, such as [0, 1]"
        )
    if item < 0:
        raise FoveaError(f"{item} is negative; fields of view are counted from 0")
    return _in_bounds(item)


def _in_bounds(fov: int) -> int:
    if fov > LAST:
        raise FoveaError(f"{fov} is no field of view; the largest index is {LAST}")
    return fov
