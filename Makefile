# Each target gets ready what it needs, on a fresh Debian or Ubuntu too (scripts/setup); a second run starts at once.
# ARGS="…" is handed on: make test ARGS="-k veth", make bench ARGS="--quick".

.DEFAULT_GOAL := help
.PHONY: help demo test check bench rounds torture fuzz docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## the article's network in a sandbox, with real packets and the picture
	@scripts/setup demo
	@.venv/bin/netwright demo $(ARGS)

test: ## the whole test suite (root, or sudo for what makes namespaces)
	@scripts/setup test
	@scripts/test $(ARGS)

check: ## format, lint, types, import contracts, generated pages
	@scripts/setup check
	@scripts/check

bench: ## apply and destroy beside their peers; ARGS="--quick" for a first look
	@scripts/setup bench
	@scripts/bench $(ARGS)

rounds: ## 10,000 times apply and destroy in one process: what it holds on the way; ARGS="--rounds 500"
	@scripts/setup bench
	@scripts/rounds $(ARGS)

torture: ## everything that can fail is made to fail, and what is promised is looked at; ARGS="--quick"
	@scripts/setup torture
	@scripts/torture $(ARGS)

fuzz: ## what reads what others have written, fed by a coverage-guided fuzzer; ARGS="--seconds 600 file"
	@scripts/setup check
	@scripts/fuzz $(ARGS)

docs: ## the documentation as a site, in site/
	@scripts/setup docs
	@.venv/bin/python scripts/gen_reference.py
	@.venv/bin/zensical build --clean

clean: ## remove what was made here: .venv, caches, the site
	@rm -rf .venv site build dist .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
