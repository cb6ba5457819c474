"""Display levels: the small copies of all image arrays that viewers show.

Imports `tracking` for the drift, `background`, `store` and below; no other package imports it.
"""
