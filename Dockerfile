# The packages of requirements.txt, for jobs in containers: docs/container.md says how to use it.
# Fovea itself is not in the image; jobs take it from the clone that Snakemake runs.
FROM python:3.11.13-slim-bookworm

COPY requirements.txt requirements-inspect.txt /opt/fovea/
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
    -r /opt/fovea/requirements.txt -r /opt/fovea/requirements-inspect.txt
