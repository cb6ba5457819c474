"""The documentation: links, lengths of lines, and an explanation of every error message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from fovea.cli import app
from fovea.config.schema import SCHEMA, load_schema
from fovea.config.validation import validated

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LIBRARY = ROOT / "scripts" / "fovea"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md")),
    *sorted(DOCS.rglob("*.md")),
]
LONGEST = 100  # characters of a line
HOLE = "\0"  # stands for what a message says about the case at hand


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_code(text: str) -> str:
    """The text of a page without its fenced blocks, which are blank lines then."""
    return re.sub(
        r"^ *```.*?^ *```", lambda found: "\n" * found[0].count("\n"), text, flags=re.S | re.M
    )


def links_of(page: Path) -> list[str]:
    """Targets of the links and pictures of a page that are not on the web."""
    text = re.sub(r"`[^`\n]*`", "", without_code(page.read_text("utf-8")))
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link for link in found if "://" not in link]


def anchors_of(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+)$", without_code(page.read_text("utf-8")), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        known, number = anchor, 0
        while anchor in found:
            number += 1
            anchor = f"{known}-{number}"
        found.add(anchor)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_their_anchors_exist(page):
    for link in links_of(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors_of(target), link


FOLDERS = (
    "benchmarks",
    "docs",
    "envs",
    "fovea",
    "profiles",
    "rules",
    "scripts",
    "tests",
    "training",
)


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name_of)
def test_files_of_the_repository_that_are_named_exist(page):
    names = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", page.read_text("utf-8"))
    missing = [n for n in names if not any((top / n).exists() for top in (ROOT, ROOT / "scripts"))]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_are_short_but_in_tables_and_code(page):
    lines = enumerate(without_code(page.read_text("utf-8")).splitlines(), 1)
    long = [n for n, line in lines if len(line) > LONGEST and not line.lstrip().startswith("|")]
    assert long == []


def test_every_page_and_picture_is_reached_from_the_index():
    reached, waiting = set(), [DOCS / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix == ".md":
            links = (link.partition("#")[0] for link in links_of(page))
            waiting += [(page.parent / link).resolve() for link in links if link]
    pages = {ROOT / "README.md", ROOT / "config/README.md", *DOCS.rglob("*.md")}
    pictures = set(DOCS.rglob("*.png"))
    assert sorted(map(name_of, (pages | pictures) - reached)) == []


def test_the_first_page_stays_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 110


# Examples

DATASET = {"input": "a.nd2", "channels": {"pc": {"channel": 0, "features": ["area"]}}}
DATASET["channels"]["fl"] = [{"channel": 1, "features": ["intensity_total"]}]
ELSEWHERE = ("docs/plugins/README.md", "docs/cluster.md")  # files of plug-ins, Snakemake's profile


def configs_of(page: Path) -> list[dict]:
    """The configs that a page shows; what an example leaves out is from `DATASET`."""
    found = []
    for block in re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text("utf-8"), re.S | re.M):
        lines = block.splitlines()
        several = sum(line.startswith("input:") for line in lines) > 1
        for text in lines if several else [block]:
            given = yaml.safe_load(text)
            if not given.keys() & SCHEMA_KEYS:
                given = {"datasets": {"a": DATASET | given}}
            found.append({"datasets": {"demo": DATASET}} | given)
    return found


SCHEMA_KEYS = load_schema(SCHEMA)["properties"].keys()
EXAMPLES = [
    pytest.param(config, id=f"{name_of(page)}-{i}")
    for page in PAGES
    if name_of(page) not in ELSEWHERE
    for i, config in enumerate(configs_of(page))
]


@pytest.mark.parametrize("config", EXAMPLES)
def test_examples_of_configs_are_valid(config):
    assert validated(config)


def test_there_are_examples():
    assert len(EXAMPLES) > 15


def test_commands_and_their_options_exist():
    commands = typer.main.get_command(app).commands
    seen = set()
    for page in PAGES:
        found = re.findall(
            r"(?:^ *|`)(?:\.venv/bin/)?fovea ([a-z]\w*\b[^`\n]*)", page.read_text(), re.M
        )
        for name, *words in map(str.split, found):
            command = commands[name]
            if words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words[0]]
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known, (page, name)
            seen.add(name)
    assert seen == set(commands)


# Messages of errors

ERRORS = ("FoveaError", "ConfigError")
OF_PLUGINS = (*ERRORS, "ValueError", "TypeError", "RuntimeError")  # their users see these, too


def texts_of(node: ast.expr, function: ast.AST, module: ast.Module, depth: int = 0) -> list[str]:
    """What a message can say, HOLE standing for values; nothing where its text is from elsewhere.

    Names stand for what is assigned to them in the same function, calls of functions of the same
    module for what these return.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)
        return ["".join(parts)]
    if isinstance(node, ast.BinOp):
        left = texts_of(node.left, function, module, depth) or [HOLE]
        right = texts_of(node.right, function, module, depth) or [HOLE]
        return [one + other for one in left for other in right]
    if isinstance(node, ast.IfExp):
        return [
            text
            for branch in (node.body, node.orelse)
            for text in texts_of(branch, function, module, depth)
        ]
    if depth == 2:
        return []
    if isinstance(node, ast.Name):
        assigned = [
            inner.value
            for inner in ast.walk(function)
            if isinstance(inner, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == node.id for t in inner.targets)
        ]
        return [text for value in assigned for text in texts_of(value, function, module, depth + 1)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        called = [f for f in functions_of(module) if f.name == node.func.id]
        return [
            text
            for other in called
            for inner in ast.walk(other)
            if isinstance(inner, ast.Return) and inner.value is not None
            for text in texts_of(inner.value, other, module, depth + 1)
        ]
    return []


def functions_of(module: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]


def is_problem(node: ast.AST) -> bool:
    """Whether an expression is the mapping of problems that the config's checks fill."""
    return (isinstance(node, ast.Name) and node.id == "problems") or (
        isinstance(node, ast.Attribute) and node.attr == "problems"
    )


def is_method(node: ast.AST, name: str) -> bool:
    """Whether an expression calls a method of this name."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    )


def messages_in(function: ast.FunctionDef, errors: tuple[str, ...] = ERRORS) -> Iterator[ast.expr]:
    """Expressions of the messages that a function raises or finds wrong with the config."""
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            if ast.unparse(node.exc.func) in errors:
                first = node.exc.args[0]
                yield from first.elts if isinstance(first, ast.List) else [first]
        elif isinstance(node, ast.Assign):
            targets = [t for t in node.targets if isinstance(t, ast.Subscript)]
            if any(is_problem(target.value) for target in targets):
                yield node.value
        elif is_method(node, "setdefault") and is_problem(node.func.value):
            yield node.args[-1]
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            yield node.value.elts[-1]  # place and problem


def plain(text: str) -> str:
    """Text without what Markdown adds, in lower case, with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"[`*|\\]", "", text)).lower()


def distinctive(text: str) -> str:
    """The longest piece of a message without values, of what is wrong if that has words enough."""
    symptom = text.split("; ")[0]
    for part in (symptom, text):
        pieces = [piece.strip(" .,:;()'\"[]{}") for piece in re.split(HOLE, plain(part))]
        longest = max(pieces, key=len)
        if len(longest) >= 12 or (part is text and len(longest) >= 6 and " " in longest):
            return longest
    return ""


def messages() -> dict[str, str]:
    """Distinctive words of every message, and where it stands."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        module = ast.parse(path.read_text("utf-8"))
        errors = OF_PLUGINS if path.is_relative_to(LIBRARY / "plugins") else ERRORS
        for function in functions_of(module):
            for node in messages_in(function, errors):
                for text in texts_of(node, function, module):
                    if words := distinctive(text):
                        place = f"{path.relative_to(LIBRARY)}:{node.lineno}"
                        found.setdefault(words, place)
    return found


def test_every_error_message_is_explained():
    page = plain((DOCS / "troubleshooting.md").read_text("utf-8"))
    lacking = {place: words for words, place in messages().items() if words not in page}
    assert lacking == {}


def test_messages_are_found_in_all_their_forms():
    code = """
def check(path, kind):
    if kind == 1:
        raise FoveaError(f"{path}: the shutter is closed; open it")
    elif kind == 2:
        problems[path] = reason(kind)
    else:
        text = f"the lamp of {kind} " "is burnt out"
        problems.setdefault(path, text + f"; replace {path}")

def reason(kind):
    return f"{kind} of the stage is not at home"
"""
    module = ast.parse(code)
    check = functions_of(module)[0]
    texts = [text for node in messages_in(check) for text in texts_of(node, check, module)]
    assert sorted(map(distinctive, texts)) == [
        "is burnt out", "of the stage is not at home", "the shutter is closed",
    ]  # fmt: skip
    assert len(messages()) > 200
