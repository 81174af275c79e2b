# The verbs of this repository. Each does its own set-up once; running it again reinstalls nothing.
.PHONY: demo test soak check up parity accuracy bench bench-full bench-queue bench-webhooks bench-api bench-scaling bench-autoscale bench-sizing screenshots lock clean
.DEFAULT_GOAL := demo

LOCKS := requirements/bootstrap.lock pyproject.toml scripts/setup
BIN := .venv/bin
REFERENCE := .venv-paddle/bin
# Tests mostly wait: three processes on two cores. A module stays in one, with the system that it starts.
SIDE_BY_SIDE := -n 3 --dist loadscope
# A folder of sets of pages, see benchmarks/dataset.py; without it the benchmarks draw their own.
DATA := $(if $(BENCH_DATA),--data "$(BENCH_DATA)")

demo: .venv/runtime.stamp ## the whole system on the sample documents
	@$(BIN)/ocrfleet demo

up: .venv/runtime.stamp ## the whole system, in the foreground
	@$(BIN)/ocrfleet up

test: .venv/dev.stamp .venv-paddle/stamp ## every test that needs no GPU, in both environments
	@failed=0; $(REFERENCE)/pytest $(SIDE_BY_SIDE) tests/paddle || failed=1; $(BIN)/pytest $(SIDE_BY_SIDE) || failed=1; exit $$failed

soak: .venv/dev.stamp ## 500 pages through one engine, random faults, spoilt documents; prints the seeds
	@$(BIN)/python -m benchmarks.soak $(DATA)
	@$(BIN)/pytest -m soak -s

check: .venv/dev.stamp ## ruff, mypy, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench-queue: .venv/dev.stamp ## what queue, record and store cost
	@mkdir -p build/bench && OCRFLEET_STAND_IN_DIR=build/bench $(BIN)/python -m benchmarks.queue

bench-webhooks: .venv/dev.stamp ## 1,500 webhooks that wait, half of cancelled jobs, to a receiver that takes 100 ms
	@$(BIN)/python -m benchmarks.webhooks

bench-api: .venv/dev.stamp ## 200 callers polling, 50 following, 20 submitting, against one API process
	@$(BIN)/python -m benchmarks.api

bench-scaling: .venv/dev.stamp ## what a second process on a second core adds
	@$(BIN)/python -m benchmarks.scaling

bench-autoscale: .venv/dev.stamp ## a simulated day under the autoscaling policy, and under list-length scaling
	@$(BIN)/python -m benchmarks.autoscale

bench-sizing: .venv/dev.stamp ## what jobs and pages cost Redis and the object store: calls, bytes, memory
	@$(BIN)/python -m benchmarks.sizing

parity: .venv/dev.stamp .venv-paddle/stamp ## PaddleOCR 3.7 and ours, line by line, on drawn pages or BENCH_DATA
	@$(REFERENCE)/python -m benchmarks.parity --also $(BIN)/python $(DATA)

accuracy: .venv/dev.stamp ## every profile against ground truth, on drawn pages or BENCH_DATA
	@$(BIN)/python -m benchmarks.accuracy $(DATA)

bench: .venv/dev.stamp .venv-paddle/stamp ## our engine and its peers, a few drawn pages or BENCH_DATA, and one API process under load, in five minutes
	@$(BIN)/python -m benchmarks.speed $(DATA)
	@$(BIN)/python -m benchmarks.api --seconds 5

bench-full: .venv/dev.stamp .venv-paddle/stamp ## every page and every peer
	@$(BIN)/python -m benchmarks.speed --full $(DATA)

screenshots: .venv/dev.stamp ## draw the pictures of docs/dashboard.md anew
	@$(BIN)/python -m tests.dashboard.screenshots

lock: .venv/dev.stamp ## rewrite the lock files
	@PATH=$(CURDIR)/$(BIN):$$PATH scripts/lock

.venv/runtime.stamp: requirements/runtime.lock $(LOCKS)
	@scripts/setup runtime
	@touch $@

.venv/dev.stamp: requirements/dev.lock .venv/runtime.stamp
	@scripts/setup dev
	@touch $@

.venv-paddle/stamp: requirements/paddle.lock $(LOCKS)
	@scripts/setup paddle
	@touch $@

clean:
	rm -rf .venv .venv-paddle build
