GORELEASER := go run github.com/goreleaser/goreleaser/v2@v2.15.1
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LDFLAGS := -s -w

.PHONY: build test test-real test-leaks test-healthy check check-release snapshot try lint demo bench fuzz clean

build: ## bin/mcpdiag, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/mcpdiag ./cmd/mcpdiag

test: ## the tests, two minutes; tests that take long are skipped unless CI or MCPDIAG_REAL is set
	go test $(if $(CI),,-p 3) -parallel 4 ./...

test-real: ## all tests, also those with servers and clients from the npm registry, RabbitMQ and a browser
	MCPDIAG_REAL=1 $(MAKE) test

all_leaks := ./internal/leaktest ./cmd/mcpdiag -run 'TestLeaks|TestExplain|TestLeaktestOf'
test-leaks: ## real servers that leak, and the versions with the fix; MCPDIAG_LEAKS=quick runs three pairs
	MCPDIAG_REAL=1 MCPDIAG_LEAKS=$${MCPDIAG_LEAKS:-all} go test $(if $(filter quick,$(MCPDIAG_LEAKS)),./cmd/mcpdiag -run TestLeaks,$(all_leaks)) \
	  -count 1 -parallel 5 -timeout 3h -v

test-healthy: ## healthy servers in Go and in Node, hours; SHAPE=lru10000 for one shape; results go to healthy.csv, and it resumes
	MCPDIAG_LEAKS=healthy HEALTHY_SHAPE=$(SHAPE) go test ./cmd/mcpdiag -run TestHealthy -count 1 -timeout 3h -v

check: lint ## everything that must hold before a commit
	go vet ./...
	CGO_ENABLED=1 go test -race ./...
	GOOS=linux GOARCH=arm64 go build -o /dev/null ./cmd/mcpdiag
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...

try: ## from install to first diagnosis: clone, deb, npm, image; each skips with a reason what is missing
	@for way in clone deb npm image; do echo "== $$way"; bash packaging/try/$$way.sh || exit 1; done

check-release: ## the configuration of the release, checked by goreleaser, which takes minutes to build
	TAP_TOKEN= IMAGE=mcpdiag $(GORELEASER) check

snapshot: ## the files of a release in dist/, without publishing or signing them
	TAP_TOKEN= IMAGE= $(GORELEASER) release --snapshot --clean --skip=publish,sign,sbom

lint: ## format and lint, at a pinned version
	@test -z "$$(gofmt -l cmd internal bench)" || { gofmt -l cmd internal bench; echo 'run gofmt -w'; exit 1; }
	$(GOLANGCI_LINT) run ./...

demo: build ## build, then the tour
	./bin/mcpdiag demo

bench: build ## ratios against peers, see bench/
	./bench/run

bin/k6: ## the real k6, for the test of loadtest export
	GOBIN=$(CURDIR)/bin go install go.k6.io/k6@v1.8.1

fuzz: ## each fuzz target for a while
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime 10s $$pkg || exit 1; \
	  done; \
	done

clean:
	rm -rf bin build dist mcpdiag-demo
