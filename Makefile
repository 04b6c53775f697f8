# Keyward. `make help` lists the targets; README.md and CONTRIBUTING.md explain them.

PREFIX ?= /usr/local
DESTDIR ?=
# Where OpenSSL looks for providers; `make install` asks the OpenSSL on the PATH.
OPENSSL_MODULES_DIR ?= $(shell openssl version -m 2>/dev/null | sed -n 's/^MODULESDIR: "\(.*\)"/\1/p')
# 1 builds on aws-lc's FIPS module (make dist, make deb).
FIPS ?= 0
# For how long `make soak` runs, and each target of `make fuzz`.
SOAK_MINUTES ?= 30
FUZZ_SECONDS ?= 30

export FIPS
export CARGO_TARGET_DIR ?= $(CURDIR)/target

.DEFAULT_GOAL := help
.PHONY: help demo test dist deb image install bench lint fuzz matrix soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## nginx and Java serve pages with keys that only the service has
	@ops/prerequisites build java demo
	@KEYWARD_PROFILE=demo DIST=dist/demo ops/dist keyward-load
	@ops/demo/run

test: ## every test that a change must pass
	@ops/prerequisites build java test
	ops/test

dist: ## release build into dist/; FIPS=1 on aws-lc's FIPS module
	@ops/prerequisites build java $(if $(filter-out 0,$(FIPS)),fips)
	ops/dist

deb: dist ## Debian package in dist/
	ops/deb

image: dist ## contents of a container image in dist/
	ops/image

install: ## install dist/ (PREFIX, DESTDIR)
	@ops/install "$(DESTDIR)" "$(PREFIX)" "$(OPENSSL_MODULES_DIR)"

bench: ## figures beside a local key, aws-lc, the JDK's providers and SoftHSM
	@ops/prerequisites build java demo test bench
	@ops/dist
	bench/run

lint: ## formatters, linters, documentation links, licences
	@ops/prerequisites build java test lint
	ops/lint

fuzz: ## each fuzz target for FUZZ_SECONDS
	@ops/prerequisites build fuzz
	fuzz/run $(FUZZ_SECONDS)

matrix: ## host applications across OpenSSL and JDK versions
	@ops/prerequisites build java test matrix
	tests/matrix/run

soak: ## kills, random calls and leaks for SOAK_MINUTES
	@ops/prerequisites build java test
	@ops/dist
	tests/soak/run $(SOAK_MINUTES)

clean: ## remove what was built
	cargo clean
	rm -rf dist java/target
