"""Recordings: what a file holds (inspect, describe), its times, and the copy of its raw channels.

Imported by `samples` and the stages above for metadata and times.
"""
