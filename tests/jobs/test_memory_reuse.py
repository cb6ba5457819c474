"""Memory that is freed is kept for the next frame."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import resource, sys
import numpy as np
from fovea.jobs.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        kept = [np.ones(1 << 21) for _ in range(3)]  # 16 MB each
        del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
print(keep_freed_memory(), usual, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="malloc of glibc is on Linux only")
def test_arrays_are_not_fetched_page_by_page_again():
    library = Path(__file__).parents[2] / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=library, capture_output=True, text=True, check=True
    )
    could, usual, kept = done.stdout.split()
    assert could == "True"
    assert int(kept) < int(usual) / 2
