"""A run of two fields of view, of which the first one has been tracked and measured."""

from __future__ import annotations

import pytest
import yaml

from fovea.simulation.simulate import simulate
from support.made_results import SOURCE, Results


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Its working folder, with the config."""
    folder = tmp_path_factory.mktemp("run")
    simulate(folder / SOURCE, folder / "truth", cells=[5, 6], fovs=2, frames=5, height=160,
             width=192, channels=1, interval=900.0)  # fmt: skip
    results = Results(folder, folder / SOURCE)
    results.inspect()
    results.provenance()
    for step in ("copy", "segment", "track"):
        getattr(results, step)(0)
    channels = {"pc": {"channel": 0}, "fl": [{"channel": 1}]}
    config = {"datasets": {"a": {"input": SOURCE, "channels": channels}}}
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    return folder
