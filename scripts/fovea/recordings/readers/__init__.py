"""Readers of recordings: one interface, `open_recording`, and one module or package per format.

`opening` finds the format and the reader; `base` is the interface that all readers have; `info`
describes what was read; `raw`, `stamps`, `ome_xml` and `checks` are shared by several formats.
"""

from fovea.recordings.readers.opening import open_recording

__all__ = ["open_recording"]
