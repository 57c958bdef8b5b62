PYTHON ?= .venv/bin/python

.PHONY: help check fix test cluster-test demo

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

check: ## Lint, format check, types: what CI runs before the tests
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	@# The repository's root is the package: mypy finds it in a folder that holds it by that name.
	@mkdir -p .mypy_cache/path && ln -sfn ../.. .mypy_cache/path/csplade
	MYPYPATH=.mypy_cache/path $(PYTHON) -m mypy -p csplade

fix: ## Format, and mend what ruff can mend
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

test: ## All tests, against real servers
	$(PYTHON) -m pytest -n 2 --dist loadfile

cluster-test: ## The tests of what a cluster must do, against every line of servers
	$(PYTHON) -m pytest --every-line

demo: ## A real OpenSearch, a real model, real text
	$(PYTHON) -m csplade.cli demo
