# The verbs of this repository. Each does its own set-up once; running it again reinstalls nothing.
.PHONY: demo test soak check up bench-queue lock clean
.DEFAULT_GOAL := demo

LOCKS := requirements/bootstrap.lock pyproject.toml scripts/setup
BIN := .venv/bin

demo: .venv/runtime.stamp ## the whole system on the sample documents
	@$(BIN)/ocrfleet demo

up: .venv/runtime.stamp ## the whole system, in the foreground
	@$(BIN)/ocrfleet up

test: .venv/dev.stamp ## every test that needs no GPU
	@$(BIN)/pytest

soak: .venv/dev.stamp ## the long forms of the fault tests, with random faults; prints the seed
	@$(BIN)/pytest -m soak -s

check: .venv/dev.stamp ## ruff, mypy, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench-queue: .venv/dev.stamp ## what queue, record and store cost
	@mkdir -p build/bench && OCRFLEET_STAND_IN_DIR=build/bench $(BIN)/python -m benchmarks.queue

lock: .venv/dev.stamp ## rewrite the lock files
	@PATH=$(CURDIR)/$(BIN):$$PATH scripts/lock

.venv/runtime.stamp: requirements/runtime.lock $(LOCKS)
	@scripts/setup runtime
	@touch $@

.venv/dev.stamp: requirements/dev.lock .venv/runtime.stamp
	@scripts/setup dev
	@touch $@

clean:
	rm -rf .venv build
