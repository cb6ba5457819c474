"""Frames in several threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor


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
