# New Science on AWS. `make` lists what there is; the work itself is done by small scripts under infra/.
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

STAGE ?= local
PREFIX ?= new-science
REGION ?= eu-central-1
export STAGE PREFIX REGION

# A reason is kept as it was written: a dollar sign in it is no variable of Make's.
ifdef WHY
override WHY := $(value WHY)
export WHY
endif

# A builder that caches one folder between clones keeps Cargo's output there, without the incremental compiler's
# state: it is larger than everything else together, and a builder compiles each commit once.
ifeq ($(CI),true)
export CARGO_INCREMENTAL := 0
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/new-science/target
endif

VENV := .venv/requirements.txt
TOOLS := .tools/requirements.txt
# The local machine's modules live in infra/local.
LOCAL := env PYTHONPATH=infra/local .venv/bin/python -m

##@ One machine
.PHONY: run
run: build $(TOOLS) ## Start everything, tell the stories, stay up until Ctrl-C (TOUR=only: end with an exit code)
	@exec $(LOCAL) machine run

.PHONY: up
up: build $(TOOLS) ## Start everything and leave it running
	@exec $(LOCAL) machine up

.PHONY: down
down: $(VENV) ## End what `make up` started
	@exec $(LOCAL) machine down

.PHONY: build
build: check-tools $(VENV) ## Build functions and stand-ins for this machine
	@.venv/bin/python infra/local/build.py

##@ Checks
.PHONY: test
test: check-tools $(VENV) $(TOOLS) ## Everything: lint, unit, contract, state machine, end-to-end and browser tests
	@exec $(LOCAL) suite test

.PHONY: lint
lint: check-tools $(VENV) $(TOOLS) ## Formatting and lints of Rust, Python, template and state machines
	@exec $(LOCAL) suite lint

.PHONY: event-schemas
event-schemas: ## Write infra/events anew from the events' Rust types
	@WRITE_EVENT_SCHEMAS=1 cargo test --quiet --workspace --test event_schemas

.PHONY: contract-payment
contract-payment: check-tools $(VENV) ## The payment connector's request suite against PAYMENT_BASE_URL (default: the stand-in)
	@exec $(LOCAL) suite contract-payment

.PHONY: contract-dynamodb
contract-dynamodb: check-tools $(VENV) ## The gates' suite against AWS_ENDPOINT_URL_DYNAMODB (default: a local cloud); makes and drops its own tables
	@exec $(LOCAL) suite contract-dynamodb

.PHONY: contract-search
contract-search: check-tools $(VENV) ## The search engines' suite, over OpenSearch at OPENSEARCH_URL (default: a node of its own, by Maven and a JDK 21 or newer)
	@exec $(LOCAL) suite contract-search

.PHONY: mutants
mutants: check-tools $(VENV) ## Plant errors in gate and admission, one by one; a test must find each (half an hour; its first use also installs cargo-mutants, 4 min)
	@exec $(LOCAL) suite mutants

.PHONY: bench
bench: check-tools $(VENV) ## Measure what is promised about cost, ONLY=gate for one part; figures go to target/bench
	@exec $(LOCAL) suite bench

##@ AWS
.PHONY: deploy
deploy: $(TOOLS) ## Build for Lambda (arm64) and deploy STAGE=… with sam; PARAMETERS="Name=value …", FRAUD_GATE='{…}', PAYMENT_GATE='{…}'
	@exec sh infra/deploy/deploy.sh

.PHONY: destroy
destroy: $(TOOLS) ## Remove STAGE=… with all that it holds
	@exec sh infra/deploy/destroy.sh

.PHONY: function
function: $(TOOLS) ## Replace the code of one function, NAME=… STAGE=…, until the next deploy
	@exec sh infra/deploy/function.sh

##@ Operators (STAGE=local by default)
.PHONY: ops
ops: $(VENV) ## CASES=list, CASE=<id>, or CASE=<id> ACTION=retry|refund|close WHY="…"
	@exec .venv/bin/python infra/ops/$(if $(BREAKER)$(filter breaker,$(MAKECMDGOALS)),breakers,cases).py

# A second goal of `make ops`: the recipe above sees that it is named.
.PHONY: breaker
breaker: $(if $(filter ops,$(MAKECMDGOALS)),,ops) ## with ops: the breakers of third parties, DEP=<name> ACTION=force-open|force-close|disable WHY="…"
	@:

.PHONY: route
route: $(VENV) ## The routes that leave the monolith; ROUTE=<name> MODE=monolith|shadow|canary|modern PERCENT=<0-100> WHY="…" steers one
	@exec .venv/bin/python infra/ops/routes.py

.PHONY: trace
trace: $(VENV) ## The whole story of one intent, INTENT=<id> [CUSTOMER=<sub>]: printed, and drawn as a page
	@exec .venv/bin/python infra/ops/trace.py

.PHONY: style
style: $(VENV) ## How the saga works on new intents: STYLE=Hybrid|Choreography; what has begun keeps its style
	@exec .venv/bin/python infra/ops/style.py

.PHONY: reconcile
reconcile: build ## Whether the monolith and the new store have the same articles: counts, checksums, differences; EXPORT=<folder>
	@exec .venv/bin/python infra/ops/reconcile.py

.PHONY: reindex
reindex: $(VENV) ## Rebuild the search index from the store of articles, while the former one answers
	@exec .venv/bin/python infra/ops/reindex.py

.PHONY: open-circuit
open-circuit: $(VENV) ## Stop the subscription pipeline, WHY="…", until somebody closes the circuit
	@exec .venv/bin/python infra/ops/circuit.py forced_open

.PHONY: close-circuit
close-circuit: $(VENV) ## Let the subscription pipeline run again, WHY="…"
	@exec .venv/bin/python infra/ops/circuit.py closed

.PHONY: disable-circuit
disable-circuit: $(VENV) ## Let it run whatever the alarm says, WHY="…", until somebody closes the circuit
	@exec .venv/bin/python infra/ops/circuit.py disabled

.PHONY: show-circuit
show-circuit: $(VENV) ## Who opened or closed the circuit, when and why
	@exec .venv/bin/python infra/ops/circuit.py

.PHONY: check-tools
check-tools:
	@sh infra/local/check-tools.sh

$(VENV): infra/local/requirements.txt
	@sh infra/local/make-venv.sh .venv $<
	@touch $@

$(TOOLS): infra/local/tools.txt
	@sh infra/local/make-venv.sh .tools $<
	@touch $@

.PHONY: help
help:
	@awk -f infra/local/help.awk $(MAKEFILE_LIST)
