# Each target sets up what it needs; the first run takes minutes, the next ones don't.
# PYTHON=... names the interpreter that .venv is made with.
PYTHON ?= python3
PREPARE = @scripts/check_tools.sh "$(PYTHON)" && "$(PYTHON)" scripts/prepare.py
VENV = .venv/bin
# Tests of whole programs and of the peers' interface, which take most of the time
# (`slow` marks single ones).
QUICK_WITHOUT = test_demo.py test_fork.py test_import.py test_memory.py test_command.py compatible \
	test_processes.py test_joblib.py test_pytest_plugin.py test_dask.py test_capacity.py \
	test_simulate_story.py test_record.py test_record_page.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-arm64 quick fuzz bench bench-kmeans docs format lock clean

help: ## Show this list
	@echo "poolkeeper: see, limit and explain native thread pools"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
		while IFS='|' read -r target text; do printf '%-16s %s\n' "$$target" "$$text"; done

demo: ## Watch limits work on a real k-means (two minutes, after the build)
	$(PREPARE) demo
	@$(VENV)/poolkeeper demo

test: ## Run every test and check: the only command you need
	$(PREPARE) test docs
	@$(VENV)/python scripts/check.py

test-arm64: ## Build for arm64 Linux, and test that in a translator (fetches 300 MB the first time)
	$(PREPARE) quick
	@$(VENV)/python tests/arm64/run.py

quick: ## The inner loop: unit tests and the fast Python tests
	$(PREPARE) quick
	@cargo test --quiet --workspace --lib --locked
	@$(VENV)/python -m pytest -q -x -m "not slow" --timeout=60 \
		$(QUICK_WITHOUT:%=--ignore=tests/python/%)

bench: ## Measure; the numbers in the docs come from here
	$(PREPARE) bench
	@$(VENV)/python benches/run.py

fuzz: ## Fuzz whatever is parsed from outside, each target for FUZZ_SECONDS (60)
	$(PREPARE) tools
	@$(VENV)/python scripts/fuzz.py --seconds $${FUZZ_SECONDS:-60}

bench-kmeans: ## Measure k-means against scikit-learn, scikit-learn-intelex and faiss (30 minutes)
	$(PREPARE) bench
	@$(VENV)/python benches/kmeans.py

docs: ## Make the generated pages, the site (site/) and the Rust docs (target/doc/)
	$(PREPARE) docs
	@mkdir -p target
	@cargo run --quiet --locked -p poolkeeper-cli -- runtimes --format markdown > target/runtimes.md
	@mv target/runtimes.md docs/runtimes.md
	@cargo run --quiet --locked -p poolkeeper-cli -- doctor --explain all --markdown > target/findings.md
	@mv target/findings.md docs/reference/findings.md
	@cargo run --quiet --locked -p poolkeeper-cli -- cpus --variables --markdown > target/variables.md
	@python3 scripts/table.py docs/guide/budget.md < target/variables.md
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --quiet --strict
	@RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --workspace
	@echo "site/index.html  target/doc/poolkeeper/index.html"

format: ## Format the code, and fix what the linter can
	$(PREPARE) tools
	@cargo fmt --all
	@$(VENV)/ruff check --quiet --fix .
	@$(VENV)/ruff format --quiet .

lock: ## Pin the newest Python packages again (requirements/*.txt)
	@scripts/check_tools.sh "$(PYTHON)" && "$(PYTHON)" scripts/lock.py

clean: ## Remove what make made, but not the lab's downloads (.lab/)
	@rm -rf .venv .venv-docs dist site target
