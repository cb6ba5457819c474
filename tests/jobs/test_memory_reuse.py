"""Memory that is freed is kept for the next frame; the most that a process has had."""

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


PEAK = """
import numpy as np
from fovea.jobs.memory import peak_memory

before = peak_memory()
np.ones(1 << 25)  # 268 MB
print(before, peak_memory())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is on Linux only")
def test_the_peak_is_that_of_this_program_and_not_of_the_one_that_started_it():
    library = Path(__file__).parents[2] / "scripts"
    large = bytearray(b"x" * 400_000_000)
    done = subprocess.run(
        [sys.executable, "-c", PEAK], cwd=library, capture_output=True, text=True, check=True
    )
    before, after = map(int, done.stdout.split())
    assert before < 200
    assert 260 <= after - before <= 290
    assert len(large) > after * 1e6
