"""What people do by hand: a preview before a long run, and single steps on arrays in scripts.

Imported by no stage.
"""
