"""Take over PyAMA's settings, samples and edits: `python scripts/import_pyama.py FILE...`"""

import sys

from fovea.samples.imports.pyama_import import main

if __name__ == "__main__":
    sys.exit(main())
