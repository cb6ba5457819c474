# make run    set everything up and process the demo
# make test   set everything up and run all tests
# The rest is explained in README.md.

PYTHON ?= python3
CORES ?= all
EXAMPLES ?= 10
BIN := .venv/bin

.PHONY: run setup test test-cluster test-requirements sweep torture lint reference status preview inspect bench lock clean

run: setup
	$(BIN)/snakemake --cores $(CORES)

setup: .venv/ready

.venv/ready: requirements.txt requirements-inspect.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Fovea needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt \
	  -r requirements-inspect.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/ready-for-tests: .venv/ready requirements-exchange.txt requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements-exchange.txt \
	  -r requirements-dev.txt
	touch $@

test: .venv/ready-for-tests
	$(BIN)/pytest $(TESTS)

# On a Slurm of their own; needs Debian's packages munge, slurmctld, slurmd and slurm-client.
test-cluster: .venv/ready-for-tests
	$(BIN)/pytest -m cluster tests/cluster $(TESTS)

# The demo and its report with nothing but the two files of `setup`, installed anew.
test-requirements: .venv/ready-for-tests
	$(BIN)/pytest -m requirements tests/repository/test_requirements.py $(TESTS)

# The comparison of fast and plain algorithms on many more random images: EXAMPLES times as many.
sweep: .venv/ready-for-tests
	FOVEA_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n auto tests/kernels tests/segmentation tests/tracking/test_track.py \
	  tests/background/test_background.py \
	  tests/cells tests/display

# Random kills, cut writes, damaged files, hostile configs and inputs (docs/reliability.md); ARGS
# such as ARGS="--seconds 3600 --seed 5 --only kill".
torture: .venv/ready-for-tests
	PYTHONPATH=scripts:tests $(BIN)/python -m support.torture $(ARGS)

lint: .venv/ready-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

# The tables of config/README.md and the comments of config/config.yaml, from the schema.
reference: setup
	PYTHONPATH=scripts $(BIN)/python config/make_reference.py

status: setup
	@$(BIN)/fovea status

# What segmentation finds in a few frames; options in ARGS, such as ARGS="--cell-diameter 40".
preview: setup
	@$(BIN)/fovea preview $(ARGS)

# The page in which to look at every cell; options in ARGS, such as ARGS="--port 5006".
inspect: setup
	@$(BIN)/fovea inspect $(ARGS)

bench: .venv/ready-for-tests
	$(BIN)/python benchmarks/bench.py

# Pins; needs uv (https://docs.astral.sh/uv).
lock:
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header requirements.in -o requirements.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header requirements-inspect.in -o requirements-inspect.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header requirements-exchange.in -o requirements-exchange.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf results logs .snakemake data/demo.ome.tiff data/demo_truth
