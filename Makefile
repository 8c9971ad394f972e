# `make` alone lists the verbs. Everything here works with GNU make 3.81 (macOS) and newer.
#
#   ARGS="..."   goes to the program a verb runs:  make serve ARGS="--port 8000"   make test ARGS="-k prices"
#   PYTHON=...   the interpreter the virtual environment is made with (3.11 or newer)

SHELL := /bin/sh
.DEFAULT_GOAL := help
# restart is stop and then start, also under make -j
.NOTPARALLEL:

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
CCLEDGER := $(VENV)/bin/ccledger

# Stamps. A lock file that is newer than its stamp is installed again; otherwise a verb starts at once.
INSTALLED := $(VENV)/.installed
COMPILED := scripts/compile.py $(wildcard src/ccledger/*/_*.[ch])
DEVELOPED := $(VENV)/.developed

.PHONY: help setup serve test prove check bench demo dev build start stop restart logs migrate clean clean-ports \
  lock compile web web-if-possible

help: ## list the verbs
	@echo "ccledger: every token Claude spends, on one ledger"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1|\2/p' $(firstword $(MAKEFILE_LIST)) \
	  | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# For users

setup: $(INSTALLED) web-if-possible ## prepare .venv and the dashboard; then .venv/bin/ccledger runs from anywhere

serve: setup ## set up what is missing and run the server here; Ctrl-C ends it
	@exec $(CCLEDGER) serve $(ARGS)

start: setup ## run the server in the background (with Docker Compose where an engine runs; DOCKER=0: without)
	@$(PY) scripts/service.py start

stop: ## end the background server, letting it finish what it holds
	@$(PYTHON) scripts/service.py stop

restart: stop start ## stop, then start

logs: ## follow what the background server says
	@$(PYTHON) scripts/service.py logs

migrate: setup ## bring an existing ledger to this version's schema
	@$(CCLEDGER) migrate $(ARGS)

demo: setup ## serve a made-up history, apart from your own data
	@exec $(CCLEDGER) demo $(ARGS)

clean-ports: ## end our own forgotten servers; a stranger on the port is named and left alone
	@$(PYTHON) scripts/service.py clean-ports

# For developers

test: $(DEVELOPED) web-if-possible ## every check and every test (what CI runs)
	@$(PY) scripts/test.py $(ARGS)

check: $(DEVELOPED) ## the checks alone: style, types, import contract, dashboard
	@$(PY) scripts/test.py --checks-only

prove: $(DEVELOPED) web-if-possible ## measure every promise and write docs/evidence.md
	@$(PY) -m bench.prove $(ARGS)

bench: $(DEVELOPED) web-if-possible ## measure some promises and write nothing: make bench ARGS=import
	@$(PY) -m bench.prove --no-evidence $(ARGS)

dev: $(DEVELOPED) ## server that reloads on change, and the dashboard with hot reload on port 51173
	@$(PY) hatch_build.py --modules
	@exec $(PY) scripts/service.py dev

compile: $(INSTALLED) ## compile the fast lanes of the import, if they changed (SKIP_COMPILE=1: take them away)
	@$(PY) scripts/compile.py

web: $(INSTALLED) ## build the dashboard into src/ccledger/_web, if it changed
	@$(PY) hatch_build.py

build: $(DEVELOPED) ## wheel and sdist into dist/, and the Docker image where an engine runs
	@$(PY) -m build --no-isolation --outdir dist
	@$(PY) scripts/service.py build

lock: ## resolve requirements/*.lock anew (UPGRADE=1: to the newest versions)
	@PYTHON="$(PYTHON)" UPGRADE="$(UPGRADE)" sh scripts/lock.sh

clean: stop ## remove everything made here, except your ledger
	@rm -rf .make __pycache__ build dist web/dist web/node_modules src/ccledger/_web src/ccledger/*/_*.so $(VENV)
	@rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache artifacts
	@find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# How the stamps are made

web-if-possible: $(INSTALLED)
	@$(PY) hatch_build.py --optional

$(PY):
	@test -n "$(PYTHON)" || { echo "ccledger needs Python 3.11 or newer; none was found on PATH." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(INSTALLED): requirements/install.lock pyproject.toml src/ccledger/__init__.py $(COMPILED) | $(PY)
	@echo "setup: installing the locked packages into $(VENV)"
	@$(PIP) install --require-hashes --no-deps -r requirements/install.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(PY) -m compileall -q src/ccledger
	@touch $@

$(DEVELOPED): requirements/dev.lock $(INSTALLED)
	@echo "setup: installing the locked development tools into $(VENV)"
	@$(PIP) install --require-hashes --no-deps -r requirements/dev.lock
	@touch $@
