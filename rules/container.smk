from snakemake.settings.types import DeploymentMethod

in_container = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method

# Snakemake would start the jobs without a word, and without a container.
if in_container and config["container"] is None:
    raise WorkflowError(
        "--sdm apptainer: the config names no image; make one from the Dockerfile of Fovea "
        "(docs/container.md), and name it with the key container"
    )

if config["container"] is not None:

    container: config["container"]


# The image has no Fovea: jobs read it where it is, and not through the folders of single modules
# that Snakemake shows them, beside which there is no schema of the config.
if in_container:
    top = Path(SOURCES or Path(workflow.current_basedir).parent).resolve()
    bound = f" --bind {shlex.quote(str(top))}"
    if bound not in workflow.deployment_settings.apptainer_args:
        workflow.deployment_settings.apptainer_args += bound
    if not SOURCES:
        hosted.prefer(str(top / "scripts"))
