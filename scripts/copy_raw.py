from fovea.config.names import channel_of
from fovea.jobs.log import job
from fovea.recordings.copy_raw import copy_raw
from fovea.recordings.inspect_input import load_metadata
from fovea.store.groups import groups_of

with job(snakemake) as log:
    metadata = load_metadata(snakemake.input.metadata)
    groups = groups_of(snakemake.output.groups)
    copy_raw(
        **snakemake.params,
        target=groups[0].parent,
        channels={group.name: channel_of(group.name) for group in groups},
        fov=int(snakemake.wildcards.fov),
        metadata=metadata,
        threads=snakemake.threads,
        log=log,
    )
