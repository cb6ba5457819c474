"""The config: its schema, checks and messages, and what it means for datasets, samples and files.

Snakemake parses its rules in every job on a cluster, so nothing here imports numpy, and no stage is
imported: methods, features and models are known by their names in `fovea.plugins.registry`.
"""
