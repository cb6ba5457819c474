"""The error that a user can act on, and how its message writes values and offers corrections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_LONGEST = 70


class FoveaError(Exception):
    """Something that the user can correct.

    The message is one line: what is wrong, where, and what to do. It is the last line of the
    rule's log and is shown in the terminal; the traceback goes to the log only.
    """


def show(value: object) -> str:
    """Write a value on one line as it would stand in YAML, shortened where it is long."""
    text = _flow(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _flow(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value)


def suggestion(word: str, known: Iterable[str | None]) -> str:
    """Return ``; did you mean 'x'?`` if one known word is similar to this one, else nothing."""
    from difflib import get_close_matches

    plain = {_plain(candidate): candidate for candidate in known if candidate}
    given = _plain(word)
    close = get_close_matches(given, plain, n=1, cutoff=0.7)
    if not close:  # one contains the other: `mean` and intensity_mean, `minutes` and min
        close = [name for name in plain if name in given or given in name]
        close = [name for name in close if min(len(name), len(given)) > 2]
    return f"; did you mean {plain[close[0]]!r}?" if len(close) == 1 else ""


def unknown(word: object, what: str, known: Iterable[str]) -> str:
    """Say that a word is not known: ``'aera' is no name; allowed: area; did you mean 'area'?``"""
    words = list(known)
    return f"{show(word)} is no {what}; allowed: {', '.join(words)}{suggestion(str(word), words)}"


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 plane``, ``2 planes``.

    `plural` is for more than a noun, such as ``planes hold`` for ``plane holds``.
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
