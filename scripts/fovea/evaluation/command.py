"""The command `python scripts/evaluate.py`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from fovea.errors import FoveaError


def main(arguments: Sequence[str] | None = None) -> int:
    """Score a result against a reference."""
    parser = argparse.ArgumentParser(
        description="Score labels or tracks against a reference. Labels are TIFF files (T, Y, X "
        "or Y, X) or channel groups of a results folder such as "
        "results/demo/fov_000/images.zarr/seg_tracked_ch_0."
    )
    parser.add_argument("reference", nargs="?", help="annotated labels or tracks")
    parser.add_argument("result", nargs="?", help="labels or tracks to score")
    parser.add_argument(
        "--targets", metavar="FOLDER", help="score segmentation phase and tracking on annotated "
        "recordings in this folder, and on simulated ones; docs/accuracy.md explains the table",
    )  # fmt: skip
    parser.add_argument("--table", help="write the scores to this CSV or JSON file")
    parser.add_argument("--figure", help="draw the worst cells into this PNG file")
    parser.add_argument("--images", help="the recording's frames, for the figure")
    parser.add_argument("--lineage", help="lineage table of the result")
    parser.add_argument("--reference-lineage", help="lineage table of the reference")
    parser.add_argument("--stills", action="store_true", help="labels are no IDs; no tracks")
    options = parser.parse_args(arguments)
    if options.result is None and options.targets is None:
        parser.error("name a reference and a result, or a folder as --targets")
    logging.getLogger("fovea").setLevel(logging.INFO)
    try:
        return _run(options)
    except FoveaError as error:
        print(error, file=sys.stderr)
        return 1


def _run(options) -> int:
    from fovea.evaluation.evaluate import as_text, read_labels, read_parents, score, write_table

    if options.targets:
        from fovea.evaluation.accuracy import targets

        rows = targets(options.targets)
        print(as_text(rows))
        if options.table:
            write_table(rows, options.table)
        return 0
    known, found = read_labels(options.reference), read_labels(options.result)
    parents = read_parents(options.lineage) if options.lineage else None
    theirs = read_parents(options.reference_lineage) if options.reference_lineage else None
    scores, matches = score(known, found, parents, theirs, tracks=not options.stills)
    print(as_text([{"measure": key, "value": value} for key, value in scores.items()]))
    if options.table:
        write_table([scores], options.table)
    if options.figure:
        import numpy as np

        from fovea.evaluation.evaluate import draw_worst

        frames = read_labels(options.images) if options.images else np.zeros_like(known)
        draw_worst(frames, known, found, matches, options.figure)
    return 0
