"""Services of jobs: logs, atomic writes, threads, and memory and time on a cluster.

Imported by every stage; imports kernels and plugins only.
"""
