"""What exports need: packages of requirements-exchange.txt, and a place where nothing is yet."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fovea.errors import FoveaError


def need(module: str, package: str = "") -> None:
    """Raise FoveaError if a module is not installed; call it before the module is imported.

    `package` is the name under which it is installed, where that differs.
    """
    if find_spec(module) is None:
        raise FoveaError(
            f"{package or module} is not installed, which this export needs; `pip install -r "
            "requirements-exchange.txt` or `pip install 'fovea[exchange]'` brings it, and so does "
            "envs/exchange.yaml"
        )


def need_new(target: Path) -> None:
    """Raise FoveaError if there is something at a path, which may have been edited since."""
    if target.exists():
        raise FoveaError(f"{target}: exists already; delete it, or name another with --output")
