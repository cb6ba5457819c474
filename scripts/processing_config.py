from fovea.config.limits import run_extraction
from fovea.jobs.log import job
from fovea.recordings.inspect_input import load_metadata
from fovea.recordings.processing_config import processing_config
from fovea.runs.check_recording import check_recording
from fovea.segmentation.phase.found import resolved

with job(snakemake) as log:
    metadata, params = snakemake.input.metadata, snakemake.params
    check_recording(snakemake.wildcards.dataset, snakemake.config, metadata, log=log)
    found = next(iter(snakemake.input.found), None)
    used = {**params.parameters, "segmentation": resolved(params.parameters["segmentation"], found)}
    frames = max((field["frames"] for field in load_metadata(metadata)["fields"]), default=1)
    diameter = used["segmentation"].get("cell_diameter")
    used["extraction"] = run_extraction(used["extraction"], frames, diameter)
    processing_config(metadata, snakemake.output.config, params.dataset, used, log)
