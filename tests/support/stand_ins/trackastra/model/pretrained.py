"""A stand-in of `trackastra.model.pretrained` 0.5.6."""

from __future__ import annotations

import os
import time

from stand_in_events import note

from trackastra.model import folder_of

_MODELS = {"ctc": "", "general_2d": "", "general_2d_w_SAM2_features": ""}


def download_pretrained(name, download_dir=None):
    assert name in _MODELS
    folder = download_dir / name
    if folder.exists():
        return folder
    note("download", name)
    if os.environ.get("FOVEA_OFFLINE"):
        raise OSError("Name or service not known")
    time.sleep(0.5)
    folder_of(folder)
    return folder
