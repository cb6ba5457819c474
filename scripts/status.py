"""Print where every field of view stands, also while Snakemake runs; it changes nothing."""

import argparse
import sys
from pathlib import Path

import yaml

from fovea.config.validation import validated
from fovea.errors import FoveaError
from fovea.runs.status import collect, table


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), metavar="DIR",
                        help="working directory of the run (default: this one)")  # fmt: skip
    parser.add_argument("--configfile", type=Path, metavar="FILE",
                        help="config of the run (default: DIR/config/config.yaml)")  # fmt: skip
    options = parser.parse_args()
    file = options.configfile or options.directory / "config" / "config.yaml"
    try:
        config = validated(yaml.safe_load(file.read_text("utf-8")), source=str(file))
        print(table(collect(config, options.directory)))
    except OSError as error:
        sys.exit(f"{file}: {error.strerror}; name the config with --configfile")
    except yaml.YAMLError as error:
        sys.exit(f"{file}: is no YAML: {' '.join(str(error).split())}")
    except FoveaError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
