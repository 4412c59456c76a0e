# Every target does its own set-up on a fresh machine: Python and make are enough.
.DEFAULT_GOAL := help
.PHONY: help venv demo run test soak lint format bicep package rooms lock licences settings metrics grafana power-bi audit docs sbom bench clean

STAMP := .venv/.installed
PEERS := $(addprefix tests/doubles/,$(addsuffix /node_modules/.installed,third_party event_hubs azurite kusto power_query))

# Every commit of the embedded store waits for the disk; the tests' stores are in memory where there is room.
FAST := $(shell [ -w /dev/shm ] && [ "$$(df -Pk /dev/shm | awk 'END { print $$4 }')" -gt 1000000 ] && echo TMPDIR=/dev/shm)

# One more than there are cores: much of the tests' time is waiting for child processes and servers.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)))

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

venv: $(STAMP)  ## Make .venv with all that is needed

# A Cosmos server by others, an emulator of Azure Storage, the language service of KQL, the parser of M, and what our peer of Event Hubs is built
# with, from npm; where there is no npm their tests are skipped and say so.
tests/doubles/%/node_modules/.installed: tests/doubles/%/package.json
	@if command -v npm >/dev/null; then cd tests/doubles/$* \
	    && npm install --no-audit --no-fund --silent && touch node_modules/.installed; \
	else echo "npm is not here: the tests that need tests/doubles/$* are skipped"; fi

$(STAMP): requirements.txt requirements-dev.txt constraints.txt pyproject.toml tools/make-venv.sh
	@sh tools/make-venv.sh

# The official FOCUS validator; where it cannot be had its test is skipped and says so.
.venv-focus/.installed: requirements-focus.txt | $(STAMP)
	@{ .venv/bin/python -m venv .venv-focus \
	    && PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-focus/bin/python -m pip install -qq --no-deps -r $< && touch $@; } \
	    || echo "The FOCUS validator could not be installed: its test is skipped"

demo: venv  ## Send a real trace through the whole system and check every token and cent
	@.venv/bin/metering demo

run: venv  ## Run the whole system on this machine with live traffic
	@.venv/bin/metering run

test: venv $(PEERS) .venv-focus/.installed  ## Run all tests
	@command -v mcs >/dev/null || echo "Mono is not here: the tests that run the gateway policies' C# are skipped" \
	    "(on Debian: apt-get install mono-mcs mono-runtime libnewtonsoft-json5.0-cil)"
	@command -v chromedriver >/dev/null || echo "Chromium is not here: the tests of the dashboard are skipped" \
	    "(on Debian: apt-get install chromium chromium-driver)"
	@$(FAST) .venv/bin/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov=metering.core --cov=metering.app --cov-branch --cov-report=term:skip-covered --cov-fail-under=100

soak: venv  ## Ten thousand commits with faults, 200 random tenants, and fuzzers that look longer (about half an hour)
	@$(FAST) METERING_TEST_COMMITS=5000 .venv/bin/pytest tests/faults/test_many_commits.py
	@$(FAST) METERING_TEST_EXAMPLES=5000 .venv/bin/pytest tests/adapters/test_hostile_files.py tests/core/usage/test_any_body.py \
	    tests/adapters/contract/test_requests.py
	@$(FAST) METERING_TEST_REQUESTS=100 .venv/bin/pytest tests/api/test_openapi.py
	@$(FAST) METERING_TEST_SCENARIOS=200 .venv/bin/pytest tests/model

pictures: venv  ## Take the pictures of the dashboard in docs/images anew, with Chromium
	@$(FAST) METERING_PICTURES=1 .venv/bin/pytest -q tests/browser/test_accessibility.py -k serious

lint: venv  ## Check style, types and layers
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

format: venv  ## Put the code in its standard form
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bicep: venv .venv-bicep/.installed  ## Check the Bicep files: grammar, checkov, and the compiler where it is on the PATH
	@.venv/bin/python -m tools.check_bicep_files

# Tools that bring a hundred packages of their own have an environment of their own.
.venv-%/.installed: requirements-%.txt $(STAMP)
	@[ -x .venv-$*/bin/python ] || .venv/bin/python -m venv .venv-$*
	@.venv-$*/bin/python -m pip install -qq -r requirements-$*.txt && touch $@

package: venv  ## Build build/metering.zip, which Functions deploys, and index it (EXTRAS=parquet: with Parquet)
	@.venv/bin/python -m tools.package $(addprefix --extra ,$(EXTRAS))

rooms: venv  ## Draw the rooms into docs/architecture.md, and write what each may import into its README
	@.venv/bin/python -m tools.draw_rooms
	@.venv/bin/python -m tools.room_readmes

lock: venv  ## Write requirements.lock and docs/licences.md from requirements.txt and constraints.txt
	@.venv/bin/python -m tools.lock_requirements
	@.venv/bin/python -m tools.licences

licences: venv  ## Write docs/licences.md
	@.venv/bin/python -m tools.licences

settings: venv  ## Write the tables in docs/settings.md from the declarations in metering/settings
	@.venv/bin/python -m tools.settings_page

metrics: venv  ## Write the tables in docs/metrics.md from the table of metrics in metering/core/installation
	@.venv/bin/python -m tools.metrics_page

grafana: venv  ## Write the Grafana dashboards in docs/grafana from the panels in tools/grafana_panels.py
	@.venv/bin/python -m tools.grafana

power-bi: venv  ## Write the queries and the workbook in docs/power-bi from the columns of the exports
	@.venv/bin/python -m tools.power_query

audit: venv .venv-audit/.installed  ## Is requirements.lock current, and has anything in it a known vulnerability? Fails where PyPI cannot be asked
	@.venv/bin/python -m tools.lock_requirements --check
	@.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

docs: venv .venv-docs/.installed  ## Build the site of the documentation into build/docs-site, and check its links
	@.venv/bin/python -m tools.docs_site
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

sbom: venv .venv-audit/.installed  ## Write build/metering.cdx.json: the bill of materials of the package (CycloneDX)
	@mkdir -p build && .venv-audit/bin/pip-audit --disable-pip --require-hashes -r requirements.lock -f cyclonedx-json -o build/metering.cdx.json

compare: venv  ## Hold our reading and our prices against genai-prices and azure-genai-prices, with the reason of every difference
	@.venv/bin/python -m tools.compare_readers

bench: venv  ## Measure speed, cost, balance reads, forecasts, holds, overshoot and stops (TRACE=path for the full trace)
	@[ -x .venv-bench/bin/python ] || .venv/bin/python -m venv .venv-bench
	@.venv-bench/bin/python -m pip install -qq -r requirements-bench.txt
	@.venv-bench/bin/python -m benchmarks $(if $(TRACE),--trace $(TRACE))
	@.venv-bench/bin/python -m benchmarks --balance
	@.venv-bench/bin/python -m benchmarks --forecast
	@.venv-bench/bin/python -m benchmarks --holds
	@$(FAST) .venv-bench/bin/python -m benchmarks --overshoot

clean:  ## Remove everything that the other targets made
	rm -rf .venv .venv-bench .venv-focus .venv-bicep .venv-audit .venv-docs .metering .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
