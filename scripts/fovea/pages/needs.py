"""What pages need beside the packages of all other jobs: Bokeh."""

from __future__ import annotations

from importlib.util import find_spec

from fovea.errors import FoveaError


def need_bokeh() -> None:
    """Raise FoveaError if Bokeh is not installed; call it before modules that import Bokeh."""
    if find_spec("bokeh") is None:
        raise FoveaError(
            "Bokeh is not installed, which pages need; `pip install -r requirements-inspect.txt` "
            "or `pip install 'fovea[inspect]'` brings it, and so does envs/inspect.yaml, which a "
            "run with --sdm conda takes"
        )
