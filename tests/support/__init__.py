"""Writers of recordings, strategies of hypothesis, plain references and runs of Snakemake."""
