"""The structure of the library: packages in layers, imports that point down, small modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "scripts" / "fovea"

#: From the lowest to the highest; packages of one line do not import each other.
LAYERS = """
errors
kernels
plugins
jobs
store
config
recordings
segmentation
tracking
background
cells
display
samples
fits
events
exports figures integrity simulation
evaluation
inspection
runs
pages
cli __main__
"""
LAYER = {name: i for i, line in enumerate(LAYERS.split("\n")) for name in line.split()}
#: Imported by no package but the command and one another.
LEAVES = {"inspection", "figures", "evaluation", "exports", "integrity", "pages"}
LONGEST = 300  # lines of a file, unless its docstring gives the reason for more


@cache
def modules() -> dict[str, Path]:
    """Dotted names, without `fovea`, of all modules and packages but the topmost."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        parts = path.relative_to(LIBRARY).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            found[name] = path
    return found


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every import from the library, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield node.module or "", alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


@cache
def graph() -> dict[str, set[str]]:
    """Module to the modules of the library that it imports."""
    found = {}
    for name, path in modules().items():
        used = set()
        for module, attribute in imports(path):
            top, _, inner = module.partition(".")
            if top != "fovea":
                continue
            whole = f"{inner}.{attribute}".strip(".")
            used.add(whole if whole in modules() else inner)
        found[name] = used - {"", name}
    return found


def package(module: str) -> str:
    return module.partition(".")[0]


def test_every_package_has_its_layer_and_says_what_it_is_for():
    packages = {package(name) for name in modules()}
    assert packages <= set(LAYER), packages - set(LAYER)
    for name, path in modules().items():
        if path.name == "__init__.py":
            words = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            assert len(words) > 30, f"{name} does not say what it is for"


def test_imports_point_down():
    wrong = [
        f"{name} imports {used}"
        for name, uses in graph().items()
        for used in sorted(uses)
        if package(used) != package(name) and LAYER[package(used)] >= LAYER[package(name)]
    ]
    assert not wrong


def test_no_stage_imports_what_people_look_at():
    allowed = LEAVES | {"cli", "__main__"}
    wrong = [
        f"{name} imports {used}"
        for name, uses in graph().items()
        for used in sorted(uses)
        if package(used) in LEAVES and package(name) not in allowed
    ]
    assert not wrong


def test_there_is_no_cycle():
    try:
        order = list(TopologicalSorter(graph()).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' <- '.join(error.args[1])}")
    assert len(order) >= len(modules())


def test_names_that_begin_with_an_underscore_stay_in_their_module():
    wrong = [
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in [*modules().values(), *(ROOT / "scripts").glob("*.py")]
        for module, name in imports(path)
        if module.startswith("fovea") and name.startswith("_") and not name.startswith("__")
    ]
    assert not wrong


def test_the_library_knows_neither_snakemake_nor_the_tests():
    wrong = [
        f"{name} imports {module}"
        for name, path in modules().items()
        for module, _ in imports(path)
        if module.partition(".")[0] in ("snakemake", "support", "pytest", "hypothesis")
    ]
    assert not wrong


def test_a_long_file_gives_its_reason():
    wrong = []
    for path in [*modules().values(), *(ROOT / "rules").glob("*.smk"), ROOT / "Snakefile"]:
        text = path.read_text("utf-8")
        if text.count("\n") > LONGEST and "One file, because" not in text[:1500]:
            wrong.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
    assert not wrong


def test_scripts_hold_one_short_shim_per_rule():
    rules = "".join(path.read_text("utf-8") for path in (ROOT / "rules").glob("*.smk"))
    for path in (ROOT / "scripts").glob("*.py"):
        assert f'"../scripts/{path.name}"' in rules, f"no rule runs {path.name}"
        body = ast.parse(path.read_text("utf-8")).body
        works = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
        assert len(works) == 1, path.name
        assert isinstance(works[0], ast.With), path.name


def test_tests_mirror_the_library():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} - {"__pycache__"}
    others = {"support", "reference", "repository", "training", "workflow", "cluster"}
    assert folders - others <= {package(name) for name in modules()}
