"""Work in several threads, with results that do not depend on their number."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def processors() -> int:
    """Return how many processors this process may use."""
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known else os.cpu_count() or 1


def ordered_map(function: Callable, items: Iterable, threads: int = 1) -> Iterator:
    """Apply a function to items in threads, yielding the results in the order of the items.

    At most one item more than there are threads is held at a time. Kernels, codecs and file reads
    release Python's lock, so that threads run side by side. No result depends on their number.
    """
    if threads <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def side_by_side(threads: int) -> Iterator[Callable[[Callable, Sequence, Sequence], None]]:
    """Give a function that calls another one with each pair of two sequences, in threads.

    It returns when all of these calls have; the first error of them is raised.
    """

    def one_by_one(function: Callable, first: Sequence, second: Sequence) -> None:
        for pair in zip(first, second, strict=True):
            function(*pair)

    if threads <= 1:
        yield one_by_one
        return
    with ThreadPoolExecutor(threads) as pool:

        def together(function: Callable, first: Sequence, second: Sequence) -> None:
            pairs = zip(first, second, strict=True)
            calls = [pool.submit(function, *pair) for pair in pairs]
            for call in calls:
                call.result()

        yield together
