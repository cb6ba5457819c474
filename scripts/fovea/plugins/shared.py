"""What jobs at work at the same time share: downloaded files, and the GPUs of a computer.

Both are held by locks of the operating system, which end with the process that holds them, so that
a killed job leaves none behind.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO

from fovea.errors import FoveaError

_LOG = logging.getLogger("fovea")
_LOOK = 0.5  # seconds between two looks at a lock that another job holds

#: Locks of GPUs, by name. They are kept open until the process ends.
_held: dict[str, IO] = {}


def _lock(path: Path) -> IO | None:
    """Return an open file that this process has locked; None if another one holds it."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:  # a file system without locks: what is written there is whole all the same
        pass
    return file


@contextmanager
def _one_at_a_time(path: Path, waiting: str) -> Iterator[None]:
    said = False
    while (file := _lock(path)) is None:
        if not said:
            _LOG.info(waiting)
            said = True
        time.sleep(_LOOK)
    with file:
        yield


def made_once(path: str | Path, make: Callable[[], object]) -> Path:
    """Return a file that several jobs need, such as weights of a network, made by one of them.

    Parameters
    ----------
    path : path
        The file, in a folder that the jobs share.
    make : callable
        Makes the file, under another name first, so that it is never seen half written. It is
        called by one job at a time, and only while there is no such file.

    Raises
    ------
    FoveaError
        If the folder cannot be written, or `make` fails.
    """
    path = Path(path)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock")
        with _one_at_a_time(lock, f"another job makes {path}; this one waits for it"):
            if not path.is_file():
                _LOG.info("%s is not there yet, and is fetched", path)
                make()
    except FoveaError:
        raise
    except Exception as error:
        raise FoveaError(
            f"{path}: the file cannot be fetched ({type(error).__name__}: {error}); put it there "
            "by hand, from a computer with internet, or name another file in the config"
        ) from error
    if not path.is_file():
        raise FoveaError(f"{path}: the file was fetched, but it is not there; fetch it by hand")
    return path


def own_gpu(names: Sequence[str]) -> int:
    """Return the index of a GPU that no other job of Fovea on this computer uses.

    It is kept until this process ends. While all are in use, this waits.

    Parameters
    ----------
    names : sequence of str
        A name for each GPU that is the same in all processes, such as its UUID.
    """
    for index, name in enumerate(names):
        if name in _held:
            return index
    folder = Path(tempfile.gettempdir()) / f"fovea-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    said = False
    while True:
        for index, name in enumerate(names):
            file = _lock(folder / f"gpu-{name}.lock")
            if file is not None:
                _held[name] = file
                return index
        if not said:
            _LOG.info("all GPUs (%d) are used by other jobs of Fovea; this one waits", len(names))
            said = True
        time.sleep(_LOOK)


def torch_device(wanted: str = "auto") -> object:
    """Return the `torch.device` that a plug-in is to use, and keep other jobs off it.

    Parameters
    ----------
    wanted : {"auto", "gpu", "cpu"}
        ``auto`` takes a GPU (CUDA, or MPS of Apple's processors) where there is one.

    Raises
    ------
    FoveaError
        If a GPU is wanted and there is none, or PyTorch is not installed.
    """
    torch = package("torch")
    if wanted != "cpu":
        if torch.cuda.is_available():
            index = own_gpu([_cuda_name(torch, i) for i in range(torch.cuda.device_count())])
            torch.cuda.set_device(index)  # for programs that load weights to the current one
            return torch.device("cuda", index)
        if torch.backends.mps.is_available():
            own_gpu(["mps"])
            return torch.device("mps")
    if wanted == "gpu":
        raise FoveaError(
            "a GPU is asked for (device: gpu), and PyTorch finds none; ask for a node that has "
            "one, install PyTorch with CUDA, or set device: cpu, which is slow"
        )
    return torch.device("cpu")


def _cuda_name(torch, index: int) -> str:
    """Name a GPU alike in all processes, though Slurm shows each job its own as the first."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    usual = shown[index] if index < len(shown) and shown[index] else str(index)
    return str(getattr(torch.cuda.get_device_properties(index), "uuid", usual))


def device_name(device: object) -> str:
    """Say which processor a `torch.device` is: ``cuda:0 (NVIDIA A100)``, ``cpu``."""
    if device.type != "cuda":
        return str(device)
    torch = import_module("torch")
    return f"{device} ({torch.cuda.get_device_name(device)})"


def package(module: str, requirement: str | None = None) -> object:
    """Import a package that a plug-in needs; FoveaError that says how to install it.

    `requirement` is what pip is to install; None for packages that do not go with Fovea's own, and
    need an environment apart.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        beside = f", or install it beside Fovea: pip install '{requirement}'" if requirement else ""
        raise FoveaError(
            f"the package {error.name} is missing; give the same command with --sdm conda{beside}"
        ) from error
    except ImportError as error:
        raise FoveaError(
            f"the package {module} cannot be loaded ({error}); use --sdm conda, which installs "
            "versions that go together"
        ) from error
