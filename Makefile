# Scriptorium. `make help` lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9
BIN := .venv/bin

.PHONY: sbom audit licences faults gpu-check bench-train load layout bench-merge bench-serve bench-voice voice levers bench-generate help setup light demo test lint test-compose test-pages faults-data bench-data bench-languages check conformance format lock clean up down soak fuzz

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "setup: $(PYTHON) is too old: Scriptorium needs Python 3.11 or newer. Set PYTHON=python3.11 and run make again." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "setup: a virtual environment cannot be made: Python's venv is missing. Install it (Debian: apt install python3-venv) and run make again." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || \
	  { echo "setup: uv cannot be installed: is the package index reachable? Then run make again." >&2; exit 1; }

setup: $(BIN)/uv ## build every environment (nothing to do the second time)
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments

light: $(BIN)/uv ## build only the environment of our own code
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments light

demo: setup ## a real book becomes a served model and a report, on this machine, in a few minutes
	@$(BIN)/scriptorium demo

test: setup ## every test that this machine can run
	@$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m pytest -n 2 tests/unit tests/contract
	@$(BIN)/python -m pytest tests/faults tests/integration tests/e2e

lint: light ## format, lint, types and import rules
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

check: lint ## what `lint` checks, and the unit and contract tests, in a few minutes
	@$(BIN)/python -m pytest -q -n 2 tests/unit tests/contract

conformance: light ## the wire by the unmodified `openai` client in two versions, and schemathesis against our OpenAPI
	@PYTHONPATH=. $(BIN)/python -m tests.conformance
	@PYTHONPATH=. $(BIN)/python -m tests.conformance.schema

layout: light ## how the tree and its names measure up: folders, class names, private words
	@$(BIN)/python -m tests.layout

format: light ## format the code and mend what the linter can
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

bench-merge: light ## our merge beside peft's, Axolotl's and a plain copy; SIZE=8b merges the full 16 GB shape
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments axolotl
	@PYTHONPATH=. $(BIN)/python -m bench.merge

bench-serve: setup ## chat through the API against vLLM directly, and how long the device takes to change hands
	@PYTHONPATH=. $(BIN)/python -m bench.gateway

COMPOSE ?= docker compose
up: ## build and start every container, as `docker compose up` does, and wait until they are healthy
	@sh deploy/env.sh
	@$(COMPOSE) up --build --detach --wait

down: ## stop every container; a training saves a checkpoint first, and nothing is lost
	@$(COMPOSE) down

test-compose: light ## build the images, run the demo's job through the containers, ask for every panel and alert
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments demo
	@PYTHONPATH=. $(BIN)/python -m tests.compose

test-pages: light ## the pages in a real Chromium: phone and desk, light and dark, by keyboard, with axe; pictures in build/pages
	@$(BIN)/python -m tests.pages

faults: setup ## kills, freezes, cuts, full disks and wrong clocks in every phase, two jobs at a time: is anything lost? (40 min)
	@PYTHONPATH=. $(BIN)/python -m tests.faults.matrix $(if $(SEED),--seed $(SEED)) $(if $(INJECTIONS),--injections $(INJECTIONS))

faults-data: light ## faults of eighty kinds in real novels: how many the data gates find, and how many false alarms
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments demo
	@PYTHONPATH=. $(BIN)/python -m tests.faults.data.run

bench-data: light ## ten novels through the data service, against Axolotl's preprocessing and the tokenizer alone
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments axolotl demo
	@PYTHONPATH=. $(BIN)/python -m bench.data --book
	@PYTHONPATH=. $(BIN)/python -m bench.data

bench-languages: light ## novels in twelve languages and five layouts: words lost, chapters, false findings, rows too long
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments axolotl demo
	@PYTHONPATH=. $(BIN)/python -m bench.languages

bench-generate: light ## the evaluation's sampling against vLLM asked directly, in turns, on the small base model
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments vllm axolotl demo
	@PYTHONPATH=. $(BIN)/python -m bench.generate

bench-voice: light ## the voice metric on human text where the truth is known: mixtures of authors, and ways to cheat it
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments axolotl demo
	@PYTHONPATH=. $(BIN)/python -m bench.voice

voice: setup ## two authors and two controls through training and evaluation: did the voice come through? (hours)
	@PYTHONPATH=. $(BIN)/python -m bench.voice_run $(if $(FRESH),--fresh)

levers: setup ## what keeps instructions beside replay, on dev text: each lever alone against replay (ten minutes each)
	@PYTHONPATH=. $(BIN)/python -m bench.levers $(if $(VARIANTS),--variants $(VARIANTS))

bench-train: light ## training through us and by the bare `axolotl train`, in turns; the plan beside what it needed
	@PYTHONPATH=. $(BIN)/python -m scriptorium.local.environments axolotl demo
	@PYTHONPATH=. $(BIN)/python -m bench.train

gpu-check: light ## this machine's NVIDIA card with every phase: speed, memory beside the plan, hand-over; what is installed is used
	@PYTHONPATH=. $(BIN)/python -m scriptorium.cli.main gpu-check $(if $(OUTPUT),--output $(OUTPUT))

model: light ## the core as two state machines: twenty thousand steps each of jobs and messages, of devices and engines
	@SCRIPTORIUM_MODEL_EXAMPLES=400 $(BIN)/python -m pytest -q \
	  tests/integration/test_core_model.py tests/integration/test_device_model.py

soak: light ## a day in ten minutes: 300 jobs, chat, uploads, followers, scrapes; memory, files, Redis and disk must not grow
	@PYTHONPATH=. $(BIN)/python -m tests.soak

fuzz: light ## bad input for every parser and the API: a hundred thousand files and requests; SEED=n repeats a run
	@PYTHONPATH=. $(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(INPUTS),--inputs $(INPUTS))

load: light ## ten thousand ended jobs, a thousand queued, a million events: reads, scrape, reaper, memory, 500 followers
	@PYTHONPATH=. $(BIN)/python -m bench.load

COMPILE := $(BIN)/uv pip compile --quiet --upgrade --no-header --no-annotate --no-emit-find-links --no-emit-index-url --python-version 3.11
COMPILE_GPU = env -u UV_FIND_LINKS -u UV_TORCH_BACKEND $(filter-out --upgrade,$(COMPILE)) --python-platform x86_64-manylinux_2_28
lock: light ## compile the pinned requirement files anew, for a GPU as well (a few minutes)
	@$(COMPILE) --generate-hashes pyproject.toml -o requirements.txt
	@$(COMPILE) --generate-hashes -c requirements.txt --group dev pyproject.toml -o requirements-dev.txt
	@$(COMPILE) --generate-hashes -c requirements.txt deploy/celery-exporter/requirements.in -o deploy/celery-exporter/requirements.txt
	@$(COMPILE) --generate-hashes --no-deps services/evaluator/requirements.in -o services/evaluator/requirements.txt
	@$(COMPILE) --generate-hashes deploy/supply/requirements.in -o deploy/supply/requirements.txt
	@$(COMPILE) services/trainer/requirements.in -o services/trainer/requirements.txt
	@sed -i 's/^\(torch==[0-9.]*\)+cpu$$/\1/' services/trainer/requirements.txt
	@cp services/trainer/requirements.txt services/trainer/requirements-gpu.txt # uv keeps the versions that it finds there
	@$(COMPILE_GPU) services/trainer/requirements.in -o services/trainer/requirements-gpu.txt
	@$(COMPILE_GPU) --upgrade services/server/requirements-gpu.in -o services/server/requirements-gpu.txt
	@$(COMPILE) services/server/requirements-cpu.in -o services/server/requirements-cpu.txt \
	  --no-emit-package torchvision --no-emit-package torchaudio --no-emit-package torchcodec
	@for name in openai-newest openai-1.78 schemathesis; do $(COMPILE) tests/conformance/requirements/$$name.in \
	  -o tests/conformance/requirements/$$name.txt || exit 1; done
	@$(BIN)/python -m tests.gpu_metadata

sbom: light ## a bill of materials of each environment, in CycloneDX' JSON, in build/sbom
	@PYTHONPATH=. $(BIN)/python -m deploy.supply.sbom

audit: light ## known holes in what we depend on, by pip-audit; says so if no database answers
	@PYTHONPATH=. $(BIN)/python -m deploy.supply.audit

licences: light ## write docs/licences.md from what is installed; fails if a licence is forbidden
	@PYTHONPATH=. $(BIN)/python -m deploy.supply.licences

clean: ## remove environments and everything built
	rm -rf .venv .envs build
