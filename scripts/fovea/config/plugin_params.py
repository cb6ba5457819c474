"""Parameters of plug-ins' methods within the config: defaults and checks of their own."""

from __future__ import annotations

from fovea.config.schema import Place, Problems, check_schema, filled
from fovea.plugins.registry import Registry


def own_defaults(registry: Registry, method: str, given: dict) -> dict:
    """Return the parameters of a plug-in's method, of which another may have different defaults.

    Those `given` are kept; nothing is returned for a method of Fovea's own.
    """
    from fovea.plugins.loader import properties

    own = properties(registry, method)
    return filled({key: given[key] for key in own if key in given}, {"properties": own})


def check_plugin(
    place: Place, registry: Registry, method: str, params: dict, given: dict, problems: Problems
) -> None:
    """Check the parameters of a plug-in's method by its own types, and by its own check."""
    from fovea.plugins.loader import needs, properties

    own = properties(registry, method)
    found: Problems = {}
    check_schema({key: given[key] for key in own if key in given}, {"properties": own}, found)
    for (key, *_), text in found.items():
        problems.setdefault((*place, key), text)
    check = needs(registry, method).check
    if check and not found and (text := check(params)):
        problems.setdefault(place, text)
