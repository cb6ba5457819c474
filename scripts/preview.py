"""Show what segmentation finds in a few frames: `python scripts/preview.py [--help]`."""

import sys

from fovea.inspection.preview import main

if __name__ == "__main__":
    sys.exit(main())
