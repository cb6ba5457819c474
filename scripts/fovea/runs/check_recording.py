"""Whether a config fits its recording: told from `metadata.yaml`, before anything long starts.

The rule `inspect_input` does it as soon as a recording has been inspected, and every later run does
it at its start, for config and curation table may have changed. So a wrong index, or times that
cannot be used, are not found after hours of work.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fovea.config.datasets import dataset_fovs
from fovea.config.edited import edited_fields, edited_table
from fovea.config.fovs import ALL, format_fovs
from fovea.config.paths import Paths, fill
from fovea.errors import FoveaError
from fovea.recordings.frames import recorded_planes
from fovea.recordings.inspect_input import load_metadata
from fovea.recordings.readers.checks import check_channel, list_channels
from fovea.recordings.time_checks import check_field_times
from fovea.samples.curation import Verdict, read_curation

_LOG = logging.getLogger("fovea")


@dataclass(frozen=True)
class Given:
    """A dataset of the config, and what is known of its recording."""

    name: str
    config: Mapping[str, Any]  # all of it, checked
    metadata: Mapping[str, Any]  # content of metadata.yaml

    @property
    def entry(self) -> Mapping[str, Any]:
        """The dataset's part of the config."""
        return self.config["datasets"][self.name]

    @property
    def curation(self) -> str | None:
        """The curation table, where there is one."""
        table = self.config["curation"]
        return table if table and Path(table).exists() else None

    @property
    def source(self) -> str:
        """The recording, for messages."""
        files = self.metadata["files"]
        return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"

    @property
    def channels(self) -> dict[int, str | None]:
        """Index of each channel that is used to the name that the config expects, or None."""
        own = self.entry["channels"]
        return {channel["channel"]: channel["name"]
                for channel in (own["pc"], *own["fl"]) if channel}  # fmt: skip

    @property
    def fovs(self) -> list[int]:
        """The fields of view that are processed."""
        return dataset_fovs(self.config, self.name, len(self.metadata["fields"]))

    @property
    def in_samples(self) -> list[int]:
        """The fields of view that belong to a sample."""
        samples = self.config["samples"]
        named = [sample["fovs"] for sample in samples if sample["dataset"] == self.name]
        return [fov for fov in self.fovs if any(chosen == ALL or fov in chosen for chosen in named)]


def check_recording(
    name: str,
    config: Mapping[str, Any],
    metadata: str | Path,
    log: logging.Logger = _LOG,
) -> None:
    """Raise FoveaError if a dataset's config does not fit its recording, naming all that is wrong.

    Parameters
    ----------
    name : str
        The dataset's name.
    config : mapping
        The checked config.
    metadata : path
        The dataset's ``metadata.yaml``.
    """
    given = Given(name, config, load_metadata(metadata))
    wrong = []
    for check in CHECKS:
        try:
            check(given)
        except FoveaError as error:
            wrong.append(str(error))
            if check in (check_fields, check_channels):  # the others rely on these
                break
    if wrong:
        raise FoveaError("; ".join(dict.fromkeys(wrong)))
    log.info("the config fits the recording of %s", name)


def check_fields(given: Given) -> None:
    """Raise FoveaError for a field of view that the recording does not have."""
    given.fovs  # noqa: B018  it raises the error


def check_channels(given: Given) -> None:
    """Raise FoveaError for a channel that does not exist, or that has another name.

    Names are compared as a reader sees them: composed and decomposed umlauts are equal, and so
    are different runs of blanks.
    """
    names = given.metadata["channels"]
    for index, name in given.channels.items():
        check_channel(given.source, names, index)
        if name is not None and _plain(name) != _plain(names[index]):
            raise FoveaError(
                f'{given.source}: channel {index} is called "{names[index]}", not "{name}"; the '
                f"input has {list_channels(names)}; correct `channels` in the config"
            )


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", str(name)).split())


def check_z(given: Given) -> None:
    """Raise FoveaError for a z plane that a field of view, or one of its channels, lacks."""
    z = given.entry["z"]
    if isinstance(z, str):
        return
    for fov in given.fovs:
        planes = given.metadata["fields"][fov]["planes"]
        if z >= planes:
            raise FoveaError(
                f"{given.source}: field of view {fov} has no z plane {z}; it has "
                f"{planes} (0 to {planes - 1}); correct `z` in the config"
            )
        recorded = recorded_planes(given.metadata, fov)
        for channel in given.channels if recorded is not None else ():
            own = recorded[channel]
            if len(own) > 1 and z not in own:  # a single plane serves for any z
                raise FoveaError(
                    f"{given.source}: field of view {fov} has no z plane {z} of channel {channel}, "
                    f"which was recorded in the planes {format_fovs(own)}; correct `z` in the "
                    "config"
                )


def check_times(given: Given) -> None:
    """Raise FoveaError if the times of a sample's frames are not known or contradictory."""
    if given.entry["params"]["copy_only"]:
        return
    for fov in given.in_samples:
        if not given.metadata["fields"][fov]["frames"]:
            continue  # copying it fails and says why
        for channel in given.channels:
            check_field_times(given.metadata, fov, channel, given.entry["time"], given.source)


def check_curation(given: Given) -> None:
    """Raise FoveaError for rows of the curation table that cannot concern any cell."""
    if given.curation is None:
        return
    fields = given.metadata["fields"]
    for row in read_curation(given.curation, list(given.config["datasets"])):
        if row.dataset == given.name and given.in_samples:
            _check_row(given, row, fields)


def check_edited(given: Given) -> None:
    """Raise FoveaError for edited tracks of a field of view that the recording does not have."""
    count = len(given.metadata["fields"])
    for fov in edited_fields(given.config, given.name):
        if fov >= count:
            raise FoveaError(
                f"{edited_table(given.config, given.name, f'{fov:03d}')[0]}: {given.name} has no "
                f"field of view {fov}; its recording has {format_fovs(range(count))}; rename the "
                "table, or move it elsewhere"
            )


def _check_row(given: Given, row: Verdict, fields: Sequence[Mapping[str, Any]]) -> None:
    place = f"{given.curation}: line {row.line}"
    if row.fov >= len(fields):
        raise FoveaError(
            f"{place}: {given.name} has no field of view {row.fov}; its recording has "
            f"{format_fovs(range(len(fields)))}; correct fov"
        )
    frames = fields[row.fov]["frames"]
    if frames and row.first is not None and row.first >= frames:
        raise FoveaError(
            f"{place}: from_frame is {row.first}, and the last frame of {given.name}, field of "
            f"view {row.fov}, is {frames - 1}; correct from_frame"
        )


#: What is checked, in this order. Each raises FoveaError with one line.
CHECKS: tuple[Callable[[Given], None], ...] = (
    check_fields,
    check_channels,
    check_z,
    check_times,
    check_curation,
    check_edited,
)


def check_recordings(config: Mapping[str, Any], names: Iterable[str]) -> None:
    """Check those of the datasets that have been inspected, see `check_recording`.

    Raises
    ------
    FoveaError
        One line for each dataset whose recording the config does not fit.
    """
    wrong = []
    for name in names:
        metadata = fill(Paths.of(config).METADATA, dataset=name)
        if not Path(metadata).exists():
            continue
        try:
            check_recording(name, config, metadata)
        except FoveaError as error:
            wrong.append(str(error))
    if wrong:
        raise FoveaError("\n".join(dict.fromkeys(wrong)))
