# Everything that this project is used, tested and measured with.
.DEFAULT_GOAL := help
.PHONY: help demo test check unit browser mqtt-test tools-test observability-test deploy-test images sbom bench bench-scaling docs clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVICES := broker camera fer aggregator recommender mer-indexer gateway
PROJECTS := shared/pyproject.toml $(SERVICES:%=services/%/pyproject.toml)
EDITABLE := -e ./shared[service,tracing] $(patsubst %,-e ./services/%,$(SERVICES))
EDITABLE_TRAIN := -e ./services/fer[train] -e ./services/mer-indexer[train]
# Also pins what building needs.
PIP := PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq

help: ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.serving ## run all of Moodcue here: make demo [CAMERA=… MUSIC=… WORKERS=2 PORT=8080 BUS_PORT=5570]
	@$(BIN)/python deploy/demo.py $(if $(CAMERA),--camera '$(CAMERA)') $(if $(MUSIC),--music '$(MUSIC)') \
		$(if $(WORKERS),--workers '$(WORKERS)') $(if $(PORT),--port '$(PORT)') \
		$(if $(BUS_PORT),--bus-port '$(BUS_PORT)')

test: check unit ## all checks and tests that need Python alone

check: $(VENV)/.testing ## style, types, import boundaries, generated documents, containers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

unit: $(VENV)/.testing ## unit, contract, integration and end-to-end tests
	$(BIN)/python -m pytest -n 2 -m "not browser and not mqtt and not tools and not observability and not deploy"

browser: $(VENV)/.testing ## tests in a real browser; needs chromium and chromium-driver
	$(BIN)/python -m pytest -m browser

mqtt-test: $(VENV)/.testing ## tests with a real MQTT broker; needs mosquitto
	$(BIN)/python -m pytest -m mqtt

observability-test: $(VENV)/.testing ## tests with a real Prometheus; needs prometheus
	$(BIN)/python -m pytest -m observability

tools-test: $(VENV)/.testing ## tests with the tools that deploy/testing/install-tools.sh installs
	$(BIN)/python -m pytest -m tools

deploy-test: $(VENV)/.testing ## tests on a real Docker engine; needs one that runs
	$(BIN)/python -m pytest -m deploy -o log_cli=true --log-cli-level=info

images: ## build the images, with the commit and its date in their labels; needs Docker
	@REVISION=$$(git rev-parse HEAD) \
		CREATED=$$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ) docker compose build

sbom: ## write what is in each image to sbom/, as CycloneDX; needs the images
	@mkdir -p sbom
	@for service in $(SERVICES); do \
		docker run --rm --entrypoint cat moodcue-$$service:$${VERSION:-0.1.0} /opt/moodcue/sbom.cdx.json \
			> sbom/moodcue-$$service.cdx.json && echo sbom/moodcue-$$service.cdx.json || exit 1; done

bench: $(VENV)/.serving ## time the stages of a frame and of an answer: make bench CLIP=VIDEO
	@test -n '$(CLIP)' || { echo "make: name a video of a face: make bench CLIP=VIDEO"; exit 1; }
	@$(BIN)/moodcue-fer bench '$(CLIP)'
	@$(BIN)/moodcue-recommender bench --songs 100000

bench-scaling: $(VENV)/.testing ## measure 1 to 64 workers and draw docs/images/scaling.png; 8 minutes that nothing else disturbs
	@$(BIN)/python bench/scaling.py --plot docs/images/scaling.png

docs: $(VENV)/.testing ## renew the generated parts of the documents
	$(BIN)/python docs/generate.py

clean: ## remove the environment and all state of the demo
	rm -rf $(VENV) .moodcue

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install Python 3.11 or newer, or: make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11; make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) has no venv; on Debian: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: constraints.txt $(PROJECTS) | $(VENV)/bin/python
	@echo "make: installing Moodcue into $(VENV)"
	@$(PIP) $(EDITABLE)
	@touch $@

$(VENV)/.testing: constraints.txt $(PROJECTS) requirements-dev.txt | $(VENV)/bin/python
	@echo "make: installing what tests and training need into $(VENV)"
	@$(PIP) $(EDITABLE) $(EDITABLE_TRAIN) -r requirements-dev.txt
	@touch $(VENV)/.serving $@
