# Everything runs from .venv, made from requirements.lock. `make` alone lists the commands.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.setup-done
SQL := dbt_project/models dbt_project/tests revenue_pipeline/warehouse/migrations

# Settings of the caller that would lead Python or pip elsewhere, or leave the installation uncompiled.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH PYTHONSTARTUP VIRTUAL_ENV
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_NO_COMPILE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# First interpreter that is new enough; PYTHON=/path/to/python3 chooses another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)

# A moved or copied checkout has a .venv that points to the old place: the stamp names its folder.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

.PHONY: help setup run test up check mutate lock clean

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile

setup: $(STAMP) ## Install into .venv (nothing to do the second time)
	@:

run: $(STAMP) ## Run the main job and print its report
	@$(VENV)/bin/revenue run

up: $(STAMP) ## Serve the Dagster UI until Ctrl-C
	@$(VENV)/bin/revenue up

# Half of the integration tests beside everything else: each half has a server of its own, and neither fills two cores.
BESIDE := $(addprefix tests/integration/,governance landing sources test_cases.py test_gate.py test_policy_diff.py)

test: $(STAMP) ## Run the tests (ARGS=... for pytest: then only what they name, in one process)
ifdef ARGS
	@$(PY) -m pytest $(ARGS)
else
	@beside=$$(mktemp); trap 'rm -f "$$beside"' EXIT; \
	$(PY) -m pytest tests/definitions tests/faults tests/golden tests/oracle tests/properties tests/unit $(BESIDE) \
		> "$$beside" 2>&1 & first=$$!; \
	$(PY) -m pytest tests/integration $(addprefix --ignore=,$(BESIDE)); second=$$?; \
	wait $$first; first=$$?; \
	echo; cat "$$beside"; test $$first -eq 0 -a $$second -eq 0
endif

check: $(STAMP) ## Formatting, lint, types, import contracts, SQL
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/sqlfluff lint --processes 0 $(SQL)

mutate: $(STAMP) ## Put faults into the derivation and see who notices (docs/mutations.md; some twenty minutes)
	@$(PY) -m tests.mutation.check

lock: ## Pin every dependency anew in requirements.lock (UPGRADE=--upgrade for newer versions)
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed" >&2; exit 1; }
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	"$(PYTHON)" -m venv "$$folder"; "$$folder/bin/python" -m pip install --quiet uv; \
	"$$folder/bin/python" -m uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --no-strip-extras --universal -p 3.11 -o requirements.lock --quiet $(UPGRADE)

clean: ## Stop the database and remove what can be made again; .revenue (your data) stays
	@test ! -x $(VENV)/bin/revenue || REVENUE_DATABASE_URL= $(VENV)/bin/revenue stop || true
	rm -rf $(VENV) build dist *.egg-info dbt_project/target dbt_project/logs \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.revenue/*' -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed, found: $$(python3 --version 2>&1); \
	install it, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@# keep a .venv that works and was made here; make anything else from scratch
	@test "$$($(PY) -c 'import pip, sys; print(sys.prefix)' 2>/dev/null)" = "$(CURDIR)/$(VENV)" || \
	{ echo "Creating $(VENV) with $(PYTHON) ..."; "$(PYTHON)" -m venv --clear $(VENV) || \
	{ echo "make: $(PYTHON) cannot make a virtual environment (on Debian: apt install python3-venv)" >&2; exit 1; }; }
	@echo "Installing the locked packages (some minutes on the first time) ..."
	@$(PY) -m pip install --quiet --require-hashes --requirement requirements.lock
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@printf '%s\n' '$(CURDIR)' > $(STAMP)
	@echo "Installed."
