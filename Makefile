# Everything a newcomer needs: `make demo`, `make test`. Each target sets up .venv by itself, once.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

SITE := .venv/site

.PHONY: demo test test-slow test-gpu check lint bench bench-serve export-demo readme docs site tutorials clean

demo: $(INSTALLED)  ## n-gram, RNN, GRU and LSTM on the packaged corpus; writes runs/demo/report.html
	$(BIN)/rnn-lm compare --out runs/demo --resume --workers 2 --precision fastest --validations 5 --valid-tokens 10000 --exact-share 0.05

test: $(INSTALLED)  ## the tests, slow ones left out
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-slow: $(INSTALLED)  ## the tests that take minutes: every kill, full-size corpora
	$(BIN)/python -m pytest -m slow

test-gpu: $(INSTALLED)  ## the tests that need a CUDA device; skipped, saying so, where there is none
	$(BIN)/python -m pytest tests/gpu

lint: $(INSTALLED)  ## ruff and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

check: lint test  ## all that must be green before a change lands

bench: $(INSTALLED)  ## speeds as ratios to named baselines; writes benchmarks/results/ and docs/performance.md
	mkdir -p benchmarks/results
	$(BIN)/python benchmarks/training.py --json benchmarks/results/training.json
	$(BIN)/python benchmarks/inference.py --json benchmarks/results/inference.json
	$(BIN)/python benchmarks/generation.py --json benchmarks/results/generation.json
	$(BIN)/python benchmarks/nll.py --json benchmarks/results/nll.json
	$(BIN)/python benchmarks/memory.py --json benchmarks/results/memory.json
	$(BIN)/python benchmarks/corpus_memory.py --json benchmarks/results/corpus_memory.json
	-$(BIN)/python benchmarks/ngram.py --json benchmarks/results/ngram.json
	$(BIN)/python benchmarks/processes.py --json benchmarks/results/processes.json
	$(BIN)/python docs/update_devices.py --speeds benchmarks/results/processes.json
	$(BIN)/python benchmarks/against.py --json benchmarks/results/against.json
	$(BIN)/python benchmarks/coverage.py --json benchmarks/results/coverage.json
	$(BIN)/python benchmarks/tables.py

export-demo: $(INSTALLED)  ## a small model exported to every target, each loaded without rnn_lm; writes docs/onnx.md's table
	mkdir -p benchmarks/results
	$(BIN)/python benchmarks/export_demo.py --json benchmarks/results/export.json
	$(BIN)/python docs/update_export.py benchmarks/results/export.json

bench-serve: $(INSTALLED)  ## the server under load: words a second by streams, time to the first word, bytes a session
	mkdir -p benchmarks/results
	$(BIN)/python benchmarks/serve.py --json benchmarks/results/serve.json --figure docs/figures/serve-session.png
	$(BIN)/python docs/update_serve.py benchmarks/results/serve.json

readme: demo  ## the demo's tables into README.md and docs/results.md
	$(BIN)/python docs/update_tables.py README.md runs/demo/results.json
	$(BIN)/python docs/update_tables.py docs/results.md runs/demo/results.json

docs: $(INSTALLED)  ## probe, gradients and theory at their defaults; their tables and figures into docs/
	$(BIN)/rnn-lm probe --out runs/probe --resume
	$(BIN)/python docs/update_tables.py docs/probes.md runs/probe/results.json
	cp runs/probe/figures/*.png docs/figures/
	$(BIN)/rnn-lm gradients --out runs/gradients --resume
	$(BIN)/python docs/update_tables.py docs/gradients.md runs/gradients/results.json
	$(BIN)/rnn-lm theory --out runs/theory --resume --recall-sizes 4 8 16 32 256 --figures docs/theory/figures

site: $(SITE)  ## the documentation as a site that needs no network, into build/site; a broken link ends it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/python docs/site/check_links.py build/site
	$(BIN)/python docs/site/check_narrow.py build/site

tutorials: $(SITE)  ## run the tutorials and the theory's notebooks, and keep their output in them: about twenty minutes
	$(BIN)/python docs/run_tutorials.py

clean:  ## remove what the targets above made, but for runs/
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rnn_lm needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@# KenLM, which two tests compare against, is built from source: where there is no compiler they are skipped.
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[kenlm]' 2>/dev/null || echo "no KenLM: its tests will be skipped"
	@# So are those that other people's programs run, where these cannot be had.
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[interop]' 2>/dev/null || echo "no lm-eval or minicons: their tests will be skipped"
	touch $@

$(SITE): $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[site]'
	touch $@
