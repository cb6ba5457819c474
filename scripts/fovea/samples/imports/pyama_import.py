"""The command that takes over what PyAMA left: settings, samples, and edited traces."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fovea.errors import FoveaError
from fovea.samples.imports.pyama_config import convert, curation_rows, write_curation


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="import_pyama.py",
        description="Turn PyAMA's processing_config.yaml, processing_results.yaml and samples.yaml "
        "into a config of Fovea, and its ..._inspected.csv into rows of the curation table.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="files that PyAMA wrote")
    parser.add_argument("--input", help="the recording, to process it anew")
    parser.add_argument("--dataset", default="recording", help="name of the dataset in the config")
    parser.add_argument("--output", help="config to write; without it, it is printed")
    parser.add_argument("--curation", default="config/curation.csv", help="table to add rows to")
    given = parser.parse_args(arguments)
    edited = [path for path in given.files if path.endswith(".csv")]
    settings = [path for path in given.files if path not in edited]
    try:
        if edited:
            rows = [row for path in edited for row in curation_rows(path, given.dataset)]
            write_curation(given.curation, rows)
            print(f"{given.curation}: {len(rows)} rows added", file=sys.stderr)
        if settings:
            _write_config(convert(settings, given.dataset, given.input), given.output)
    except (FoveaError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _write_config(done, output: str | None) -> None:
    import yaml

    text = "".join(f"# {note}\n" for note in done.notes)
    text += yaml.safe_dump(done.config, sort_keys=False, allow_unicode=True, width=100)
    if output is None:
        print(text, end="")
        return
    path = Path(output)
    if path.exists():
        raise FoveaError(f"{path}: exists already; name another file with --output")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    print(f"{path}: written", file=sys.stderr)
