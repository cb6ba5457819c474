"""Score labels or tracks: `python scripts/evaluate.py REFERENCE RESULT [--help]`."""

import sys

from fovea.evaluation.command import main

if __name__ == "__main__":
    sys.exit(main())
