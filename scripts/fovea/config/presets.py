"""Presets: sets of parameters under a name, which take the place of defaults in the config."""

from __future__ import annotations

from types import MappingProxyType

#: Name of a preset to sections of `params` and the values in them.
PRESETS = MappingProxyType({
    # PyAMA's program: its segmentation, boxes of consecutive frames, and fixed limits.
    "pyama": {
        "segmentation": {"method": "logstd"},
        "tracking": {"overlap": "box", "max_gap": 0, "max_merge": 0, "drift": False},
        "extraction": {"min_frames": 30, "border_margin": 50},
    },
    # Dark on a bright ground. A cell lives for a division time, whatever the recording's length.
    "bacteria": {
        "segmentation": {"method": "phase", "mode": "dark"},
        "tracking": {"divisions": True},
        "extraction": {"min_frames": 3},
    },
})  # fmt: skip


def preset_layer(layers: list[dict]) -> dict:
    """Return the parameters of the preset that the last of these layers names, or none."""
    names = [layer["preset"] for layer in layers if "preset" in layer]
    return PRESETS.get(names[-1], {}) if names and isinstance(names[-1], str) else {}
