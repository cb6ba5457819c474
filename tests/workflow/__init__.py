"""The workflow as users run it: Snakemake in a folder of its own, on small simulated recordings."""
