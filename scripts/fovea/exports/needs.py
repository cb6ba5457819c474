"""What exports need beside the packages of the workflow: those of requirements-exchange.txt."""

from __future__ import annotations

from importlib.util import find_spec

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
