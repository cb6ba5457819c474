"""Names of channels in the files that instruments put beside folders of single images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from fovea.recordings.readers.base import join

_MOST = 1 << 21  # bytes of a companion that are read; names stand near its beginning


def channel_names(layout: str, beside: Iterable[str], base: str | os.PathLike[str]) -> dict:
    """Return the names of channels by their numbers in the files' names, {int: str}.

    Parameters
    ----------
    layout : str
        Name of the layout; ImageXpress (.HTD), Harmony (Index.xml, Index.idx.xml) and
        Micro-Manager (metadata.txt) write such companions.
    beside : iterable of str
        Files beside the images, relative to `base`.

    Returns
    -------
    dict of int to str
        Empty where there is no companion, or where companions contradict one another.
    """
    known = _READERS.get(layout)
    if known is None:
        return {}
    ending, read = known
    found: dict[int, str] = {}
    for path in beside:
        if not os.path.basename(path).lower().endswith(ending):
            continue
        try:
            with open(join(base, path), "rb") as handle:
                text = handle.read(_MOST).decode("utf-8", "replace")
        except OSError:
            continue
        for number, name in read(text).items():
            if found.setdefault(number, name) != name:
                return {}
    return found


def _htd(text: str) -> dict[int, str]:
    pairs = re.findall(r'"WaveName(\d+)"\s*,\s*"([^"]+)"', text)
    return {int(number): name for number, name in pairs}


def _harmony(text: str) -> dict[int, str]:
    entries = re.findall(r'ChannelID="(\d+)"\s*>\s*<ChannelName>([^<]+)<', text)
    images = re.findall(r"<Image\b.*?</Image>", text, re.DOTALL)
    for image in images:
        number = re.search(r"<ChannelID>(\d+)<", image)
        name = re.search(r"<ChannelName>([^<]+)<", image)
        if number and name:
            entries.append((number.group(1), name.group(1)))
    return {int(number): name for number, name in entries}


def _micro_manager(text: str) -> dict[int, str]:
    names = re.search(r'"ChNames"\s*:\s*\[([^\]]*)\]', text)
    return dict(enumerate(re.findall(r'"([^"]*)"', names.group(1)))) if names else {}


_READERS: Mapping = {
    "metaxpress": (".htd", _htd),
    "phenix": (("index.xml", "index.idx.xml"), _harmony),
    "micromanager": ("metadata.txt", _micro_manager),
}
