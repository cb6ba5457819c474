"""Numba is imported without scipy.linalg, as long as it would otherwise be loaded."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"


def python(code: str) -> str:
    """Output of a piece of Python in a process of its own."""
    code = f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\n{code}"
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def test_numba_alone_loads_scipy_linalg():
    """If this fails, numba no longer searches for BLAS at its import: remove the workaround."""
    code = "import numba, numba.np.arraymath\nprint('scipy.linalg' in sys.modules)"
    assert python(code) == "True\n"


def test_kernels_load_no_scipy_linalg():
    code = "from fovea.kernels import boxes\nprint('scipy.linalg' in sys.modules)"
    assert python(code) == "False\n"


def test_linear_algebra_works_afterwards():
    """Users' plug-ins may use it, with numba and without."""
    code = (
        "from fovea.kernels import boxes\n"
        "import numba, numpy, scipy.linalg\n"
        "solve = numba.njit(lambda a, b: numpy.linalg.solve(a, b) + numpy.dot(a, b))\n"
        "print(solve(2 * numpy.eye(2), numpy.ones(2)), scipy.linalg.det(numpy.eye(2)))"
    )
    assert python(code) == "[2.5 2.5] 1.0\n"
