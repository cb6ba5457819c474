"""Continuous integration, releases and the image: they use what the repository has, and agree."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import fovea

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def steps(path):
    jobs = yaml.safe_load(path.read_text("utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_commands_of_workflows_exist(path):
    commands = [shlex.split(step["run"]) for step in steps(path) if "run" in step]
    assert commands
    for program, *words in commands:
        if program == "make":
            assert words[0] in TARGETS
        elif program != "gh":  # on the machines of GitHub
            assert (ROOT / program).stat().st_mode & 0o100, program
    for used in (step["uses"] for step in steps(path) if "uses" in step):
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", used)


def test_they_lint_test_and_release():
    runs = " ".join(step.get("run", "") for path in WORKFLOWS for step in steps(path))
    for command in ("make lint", ".ci/run", ".ci/release-notes", "gh release create"):
        assert command in runs


def notes(folder, tag):
    return subprocess.run([folder / ".ci/release-notes", tag], capture_output=True, text=True,
                          check=False)  # fmt: skip


def test_the_version_is_one_and_has_notes():
    done = notes(ROOT, f"v{fovea.__version__}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "\n## " not in done.stdout


@pytest.mark.parametrize(("name", "old", "new", "said"), [
    ("CITATION.cff", "version: 0.", "version: 7.", "CITATION.cff has version 7."),
    ("scripts/fovea/__init__.py", '"0.', '"7.', "__init__.py has version 7."),
    ("CHANGELOG.md", f"## {fovea.__version__} ", "## Past ", "CHANGELOG.md has no section"),
])  # fmt: skip
def test_a_tag_that_does_not_fit_is_refused(name, old, new, said, tmp_path):
    for file in ("CITATION.cff", "scripts/fovea/__init__.py", "CHANGELOG.md", ".ci/release-notes"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    text = (tmp_path / name).read_text("utf-8")
    (tmp_path / name).write_text(text.replace(old, new), "utf-8")
    done = notes(tmp_path, f"v{fovea.__version__}")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_the_image_has_the_packages_of_make_setup():
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n|\\\n", "", text, flags=re.MULTILINE)
    files = r"requirements[a-z-]*\.txt"
    setup = (ROOT / "Makefile").read_text("utf-8").partition(".venv/ready-for-tests:")[0]
    expected = set(re.findall(rf"-r ({files})", setup))
    (copied,) = re.findall(r"^COPY (.+) /opt/fovea/$", text, re.MULTILINE)
    assert set(copied.split()) == set(re.findall(rf"-r /opt/fovea/({files})", text)) == expected
    assert {"--no-deps", "--require-hashes"} <= set(text.split())
    for name in expected:
        pins = re.findall(r"^\S+==\S+ \\\n +--hash=sha256:", (ROOT / name).read_text("utf-8"),
                          re.MULTILINE)  # fmt: skip
        assert len(pins) == len(re.findall(r"^\S+==", (ROOT / name).read_text("utf-8"), re.M)) > 5
    # the Python for which the pins were resolved, to the patch
    assert re.search(r"^FROM python:3\.11\.\d+-slim-bookworm$", text, re.MULTILINE)
    assert "--python-version 3.11 " in (ROOT / "Makefile").read_text("utf-8")
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {line[1:] for line in ignored if line[0] == "!"} == expected


def test_the_page_of_containers_names_this_version():
    page = (ROOT / "docs/container.md").read_text("utf-8")
    assert set(re.findall(r"fovea:([0-9.]+)", page)) == {fovea.__version__}


def test_the_catalog_is_told_what_holds():
    """Apptainer is not in it, because nobody offers an image."""
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    assert usage["report"] is True
    assert usage["software-stack-deployment"] == {"conda": True}
