"""Show what recordings hold: `python scripts/describe.py FILE...`"""

import sys

from fovea.recordings.describe import main

if __name__ == "__main__":
    sys.exit(main())
