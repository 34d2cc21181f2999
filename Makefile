# accord: every task has one target. `make` alone explains them.
.DEFAULT_GOAL := help
.PHONY: help dev build test lint bench bench-scale soak fuzz clean

# Tools are pinned here and run from the module cache, so that they never enter go.mod.
GOFUMPT     := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
DEADCODE    := go run golang.org/x/tools/cmd/deadcode@v0.52.0
FUZZTIME    ?= 60s

help: ## explain the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: ## run all of accord on embedded parts; data in ./accord-data/
	@go build -o accord ./cmd/accord && exec ./accord dev # go run would call an interrupt a failure

build: ## one static binary: ./accord
	CGO_ENABLED=0 go build -trimpath -o accord ./cmd/accord

test: ## run every test against real parts, installing what is missing (as root); PKG=./proxy for one room
	@.ci/test $(PKG)

lint: ## formatting, vet, modernisation, static analysis, dead code, architecture
	@out=$$($(GOFUMPT) -l .); test -z "$$out" || { echo "gofumpt: run '$(GOFUMPT) -w .' for:"; echo "$$out"; exit 1; }
	go vet ./...
	go fix -diff ./...
	$(STATICCHECK) ./...
	@out=$$($(DEADCODE) -test ./...); test -z "$$out" || { echo "dead code:"; echo "$$out"; exit 1; }
	go test ./cmd/accord -run Architecture

bench: ## ratios measured side by side in one run, never bare times
	@.ci/bench

bench-scale: ## what reading, writing and starting cost at 1,000 to 1,000,000 versions; SIZES names others
	@.ci/scale

soak: ## histories of clients and replicas held to one order, long: SOAK (20) times as many, about ten minutes
	@PARTS=postgres ACCORD_SOAK=$${SOAK:-20} .ci/test -timeout 0 -count 1 -run '^TestHistories' -v ./catalog

fuzz: ## every fuzz target for FUZZTIME (60s); failing inputs land in testdata/fuzz
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$target/*_test.go | cut -c6-); do \
			go test $$target -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x || exit 1; \
		done; \
	done

clean: ## remove what make made; never accord-data/ or testdata/
	rm -f accord
