"""What every job needs: its log, atomic writes, threads, memory and time on a cluster.

Imported by every stage.
"""
