# What people do here, one line each; 'make' alone shows this list.
.DEFAULT_GOAL := help
.PHONY: help setup build run test test-nightly lint format bench bench-micro bench-merge bench-land \
	clean

SOURCES := Package.swift Sources Tests connectors
MEDALLION := .build/release/medallion
# WITH_MYSQL=1 adds the connector type mysql, its library and its tests.
TRAITS := $(if $(WITH_MYSQL),--traits MySQL)
# The Swift runtime is part of the binary: it starts sooner, and runs where no Swift is.
RELEASE := --configuration release --static-swift-stdlib -Xswiftc -use-ld=lld

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## install by apt what is missing to build, run and test
	@.ci/setup true

build: setup ## build the release binary, .build/release/medallion
	swift build $(RELEASE) --product medallion $(TRAITS)

run: build ## load the ISO codes into the private cluster and show a gold table
	$(MEDALLION) run --system iso
	@printf '\ngold.subdivisions_per_country, the first ten rows:\n'
	@$(MEDALLION) db psql --pset=pager=off \
		--command='SELECT alpha_2, country, nr_subdivisions, nr_first_level FROM gold.subdivisions_per_country LIMIT 10'

test: setup ## run all tests; those with PostgreSQL start a server of their own
	swift test --disable-xctest --no-parallel $(TRAITS)

test-nightly: setup ## run the random suites alone, over 10,000 histories; a failure names its seeds
	MEDALLION_HISTORIES=10000 swift test --disable-xctest --no-parallel --filter 'Random(History|Timeline|Interruption)Tests'

lint: ## check the format; changes nothing
	swift format lint --strict --recursive --parallel $(SOURCES)

format: ## format every Swift file in place
	swift format --in-place --recursive --parallel $(SOURCES)

bench: build ## measure loads, start-up and pages of an API, checking the results (RECORDS=, PARTS=, ROUNDS=)
	@.ci/bench $(if $(RECORDS),--records $(RECORDS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(PARTS)

bench-micro: setup ## time the steps of a record in the client: scan, type, hash, encode (STEP=a word of those wanted)
	@swift run $(RELEASE) MicroBenchmarks $(STEP)

bench-merge: build ## merge 10,000 changes into 1,000,000 rows, compared with hand-written SQL
	@.ci/bench-merge

bench-land: build ## land 1,000 pages of an API, compared with curl (RECORDS=)
	@.ci/bench $(if $(RECORDS),--records $(RECORDS)) land

clean: ## remove what was built; data in .medallion and raw stay
	swift package clean
