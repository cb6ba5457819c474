"""Datasets or samples whose steps write files of the same names, so that one rule serves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fovea.config.steps import Step


@dataclass(frozen=True)
class Layout:
    """The datasets or samples for which a step writes files of the same names, and their rule.

    Snakemake wants the number of a rule's outputs to be fixed and the same wildcards in all of
    them, so that each layout needs a rule of its own.
    """

    rule: str  # its name: that of the step where there is one layout only
    members: list[str]  # the datasets or samples
    step: Step  # with wildcards for dataset and field of view, or for the sample
    fovs: Sequence[int] | None = None  # fields of view whose files they are; None: all others


def layouts_of(given: Mapping[str, Step], name: Callable[[str], str]) -> list[Layout]:
    """Group datasets or samples by the files of a step, and name the rule of each group."""
    found: dict[tuple, list[str]] = {}
    for member, step in given.items():
        found.setdefault((step.kept, *step.files), []).append(member)
    return [
        Layout(given[members[0]].name if len(found) == 1 else name(members[0]), members,
               given[members[0]])
        for members in found.values()
    ]  # fmt: skip
