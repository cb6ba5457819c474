"""One list of channels for fields of view that do not all have the same ones."""

from __future__ import annotations

from collections.abc import Sequence

from fovea.errors import FoveaError
from fovea.recordings.readers.tiff.stack import PageStack, TiffStack


def align_channels(stacks: Sequence[TiffStack]) -> None:
    """Give all fields of view of a recording the same channels, in the same order.

    They are matched by name: a field that lacks a channel, or has them in another order, gets a
    place without any frame for it. Where names say nothing, fields have equal numbers of channels
    and are matched by index; else it is a FoveaError.
    """
    first = max(stacks, key=lambda stack: stack.sizes[1])
    union = [*first.channels, *([None] * first.sizes[1])][: first.sizes[1]]
    places: list[list[int]] = []
    for stack in stacks:
        names = stack.channels[: stack.sizes[1]]
        named = _named(names, stack.sizes[1]) and _named(union, len(union))
        if named and set(names) & set(union):
            union += [name for name in names if name not in union]
            places.append([union.index(name) for name in names])
        elif stack.sizes[1] == first.sizes[1]:
            places.append(list(range(stack.sizes[1])))
        else:
            raise FoveaError(
                f"{stack.source}: its positions have different numbers of channels "
                f"({first.sizes[1]} and {stack.sizes[1]}), and no names that tell which are the "
                "same; save those that are alike as files of their own"
            )
    for stack, place in zip(stacks, places, strict=True):
        if place != list(range(len(union))) and isinstance(stack, PageStack):
            stack.place_channels(place, len(union))
        stack.channels = union


def _named(names: Sequence[str | None], count: int) -> bool:
    return len(set(names) - {None, ""}) == count == len(names)
