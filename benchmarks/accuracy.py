"""Measure all annotated recordings, and write tables and pictures of docs/accuracy.md anew.

    .venv/bin/python benchmarks/accuracy.py FOLDER [--no-best]

FOLDER has the recordings that the page names. It runs `fovea evaluate` on the rows of suite.yaml
and diameters.yaml beside this file; each table stands below a comment with its name in the page.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from fovea.cli import main as fovea

PAGE = ROOT / "docs" / "accuracy.md"
PICTURES = ROOT / "docs" / "images"
LARGEST = 150_000  # bytes of a picture


def measured(folder: str, rows: str, work: Path, *options: str) -> list[str]:
    """Run a suite; return its tables."""
    target = work / "tables.md"
    rows = str(ROOT / "benchmarks" / rows)
    words = ["evaluate", "--suite", folder, "--list", rows, "--out", str(target), *options]
    if code := fovea(words):
        raise SystemExit(code)
    return target.read_text("utf-8").strip().split("\n\n")


def replaced(page: str, name: str, table: str) -> str:
    """Return the page with another table below the comment that has its name."""
    pattern = rf"(<!-- table: {name} -->\n)(?:\|.*\n)*"
    if not re.search(pattern, page):
        raise SystemExit(f"{PAGE} has no comment <!-- table: {name} -->")
    return re.sub(pattern, lambda match: match[1] + table + "\n", page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", help="folder with the recordings")
    parser.add_argument("--no-best", action="store_true", help="leave the second table as it is")
    given = parser.parse_args()
    names = ["segmentation", "tracks"] if given.no_best else ["segmentation", "best", "tracks"]
    options = [] if given.no_best else ["--best"]
    page = PAGE.read_text("utf-8")
    with tempfile.TemporaryDirectory() as work:
        pictures = Path(work) / "pictures"
        options += ["--all-frames", "--figures", str(pictures)]
        tables = measured(given.folder, "suite.yaml", Path(work), *options)
        for name, table in zip(names, tables, strict=True):
            page = replaced(page, name, table)
        (table,) = measured(given.folder, "diameters.yaml", Path(work), "--all-frames")
        page = replaced(page, "diameters", table)
        for path in sorted(pictures.glob("worst_*.png")):
            if path.stat().st_size > LARGEST:
                print(f"{path.name} has {path.stat().st_size} bytes", file=sys.stderr)
            shutil.copy(path, PICTURES / path.name)
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
