"""A workflow whose sources Snakemake got from a repository."""

from __future__ import annotations

import os


def prefer(library: str) -> None:
    """Let jobs import this Fovea, also where another one is installed.

    Parameters
    ----------
    library : path
        Folder that holds the package ``fovea`` and nothing else.
    """
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([library, *([inherited] if inherited else [])])
