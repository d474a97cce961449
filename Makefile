# Environments: .venv-serve serves and has no torch; .venv develops; .venv-rivals has the servers
# that `otmv bench slo` compares with.
PYTHON   ?= python3
PORT     ?= 8000
ARTIFACT ?= examples/demo-artifact
HASHED    = --quiet --disable-pip-version-check --require-hashes --no-deps --requirement

.PHONY: serve watched test test-slow test-clients test-playground playground-picture check structure lint format demo gpu-suite dashboards dashboards-test picture-reference monitoring-test image-test lock sbom audit fuzz mutants api-check clean

serve: .venv-serve/.installed
	.venv-serve/bin/otmv serve $(ARTIFACT) --port $(PORT)

# The same under the eyes of a Prometheus with our rules and alerts, on port 9090, until Ctrl-C.
# Debian: apt-get install prometheus. With Docker, and Grafana: deploy/compose.yaml.
watched: .venv-serve/.installed
	@command -v prometheus > /dev/null || { echo "install prometheus (Debian: apt-get install prometheus)"; exit 1; }
	@mkdir -p runs/watched && cp -r deploy/prometheus/. runs/watched
	@sed -i 's/127\.0\.0\.1:8000/127.0.0.1:$(PORT)/' runs/watched/targets.yml
	@sed -i 's|runbooks: .*|runbooks: file://$(CURDIR)/docs/operations.md|' runs/watched/prometheus.yml
	@prometheus --config.file=runs/watched/prometheus.yml --storage.tsdb.path=runs/prometheus \
	  --web.listen-address=127.0.0.1:9090 --log.level=warn & trap "kill $$!" EXIT; \
	echo "Prometheus: http://127.0.0.1:9090/alerts"; \
	.venv-serve/bin/otmv serve $(ARTIFACT) --port $(PORT)

# In two goes: what starts real servers under load has the machine for itself.
test: .venv/.installed
	OMP_NUM_THREADS=1 .venv/bin/pytest -m "not e2e and not slow" --numprocesses auto --dist loadscope
	.venv/bin/pytest -m "e2e and not slow"

# Every method in every task, long schedules, overload for a minute, rivals, Table 4 from Prometheus.
test-slow: .venv/.installed
	OMP_NUM_THREADS=1 .venv/bin/pytest -m "slow and not e2e" --numprocesses auto --dist loadscope
	.venv/bin/pytest -m "e2e and slow"

# Clients that others wrote (OpenAI's, Triton's, Hugging Face's) against a real server with the demo.
test-clients: .venv/.installed .venv-clients/.installed
	@command -v npm > /dev/null && npm ci --prefix tests/server/apis/clients/npm --no-audit --no-fund || echo "without npm its clients are skipped"
	.venv-clients/bin/pytest --confcutdir=tests/server/apis/clients -m clients tests/server/apis/clients

# Chromium (Debian: chromium) drives the pages; axe-core (npm) looks at their accessibility.
test-playground: .venv/.installed .venv-clients/.installed
	npm ci --prefix tests/server/apis/clients/playground --no-audit --no-fund
	.venv-clients/bin/pytest --confcutdir=tests/server/apis/clients -m clients tests/server/apis/clients/playground

# Write docs/api/playground.png anew, and print the time to the first paint.
playground-picture: .venv/.installed .venv-clients/.installed
	.venv-clients/bin/python tests/server/apis/clients/playground/picture.py $(CURDIR)/.venv/bin/otmv

check: lint test test-slow

# Measures of the code, each with its limit: see structure/. The places too:
# .venv/bin/python -m structure --verbose
structure: .venv/.installed
	.venv/bin/python -m structure

lint: .venv/.installed
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/hadolint Dockerfile
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml

format: .venv/.installed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Tune the demo (about 60 minutes on two cores) and export it.
demo: .venv/.installed
	.venv/bin/otmv tune demo --out runs/demo
	.venv/bin/otmv export runs/demo --chain --out runs/demo-artifact

# Write deploy/grafana/dashboards/*.json.
dashboards: .venv/.installed
	.venv/bin/python -m deploy.grafana.generate

# Against Grafana's own types; needs npm.
dashboards-test: .venv/.installed
	npm ci --prefix deploy/grafana/types --no-audit --no-fund
	.venv/bin/pytest tests/deploy/test_dashboards.py tests/deploy/test_dashboard_types.py

# Write again what other programs see in the tests' picture files: Chromium (Debian: chromium), and
# libvips (pyvips-binary and pyvips beside the rest in .venv; no test needs them).
picture-reference: .venv/.installed
	.venv/bin/python -m tests.server.kit.picture_files.reference chromium

# A real Prometheus (Debian: apt-get install prometheus) scrapes a real server under load.
monitoring-test: .venv/.installed
	.venv/bin/pytest tests/deploy/test_rules.py tests/deploy/live_monitoring.py

# schemathesis (all checks) and redocly (npm) against the OpenAPI page of a real server.
api-check: .venv/.installed .venv-api/.installed
	.venv/bin/pytest tests/server/apis/openapi/live_openapi.py

# Build the CPU image and run it: buildah and podman, or docker. See tests/deploy/image_tools.py.
image-test: .venv/.installed
	.venv/bin/pytest -rA tests/deploy/live_image.py

# Write requirements/*.txt anew; LOCK=--upgrade takes newer versions.
lock: .venv-lock/.installed
	PATH="$(CURDIR)/.venv-lock/bin:$$PATH" $(PYTHON) -m deploy.supply.lock $(LOCK)

# What an installation of the server has, as CycloneDX: runs/sbom.json.
sbom: .venv-supply/.installed
	$(PYTHON) -m venv --clear --without-pip .venv-sbom
	.venv-supply/bin/pip --python .venv-sbom/bin/python install $(HASHED) requirements/serve.txt
	mkdir -p runs
	.venv-supply/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --validate --output-format JSON --output-file runs/sbom.json .venv-sbom/bin/python
	$(PYTHON) -m deploy.supply.sbom runs/sbom.json

# Ask the database of advisories about every pinned version; needs the network. One that the database
# could not be asked about is a failure too.
audit: .venv-supply/.installed
	for lock in serve torch tensorrt-rtx develop; do \
	  .venv-supply/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements/$$lock.txt || exit 1; \
	done

# Fuzz everything that reads a client's bytes: SECONDS for each of TARGETS (all, if none is named).
SECONDS ?= 600
fuzz: .venv-fuzz/.installed
	.venv-fuzz/bin/python -m tests.server.fuzz --seconds $(SECONDS) $(TARGETS)

# Change the code in small ways and see which changes no test notices; goes on where it stopped.
mutants: .venv-mutants/.installed .venv/.installed
	OMP_NUM_THREADS=1 .venv-mutants/bin/python -m deploy.supply.mutants $(MODULES)

# Measure the models on this machine's GPU, about nine minutes. Makes no environment: it runs on
# whatever $(PYTHON) has, which must be torch for CUDA and triton, safetensors, tokenizers and pillow.
gpu-suite:
	$(PYTHON) -m loadtests.gpu $(GPU_SUITE)

# Every package from its hashes, none resolved anew; `make lock` wrote them. What builds our own
# package goes again. Each package is a line while it comes: pip says nothing else for a minute.
define environment
	@echo "Installing into $(1), once: $(3)."
	@$(PYTHON) -m venv $(1)
	$(call packages,$(1),$(2))
endef

define packages
	@$(1)/bin/pip install $(HASHED) requirements/build.txt
	@$(1)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(1)/bin/pip uninstall --quiet --yes --requirement requirements/build.txt
	@{ $(1)/bin/pip install --progress-bar off $(filter-out --quiet,$(HASHED)) requirements/$(2).txt; echo $$? > $(1)/.pip; } \
	  | awk -v all=$$(grep -c '^[a-z].*==' requirements/$(2).txt) '/^(Collecting|Processing|Ignoring) / { sub(".*/", "", $$2); print "  " ++n " of " all ": " $$2; fflush() }'; \
	  read code < $(1)/.pip; rm $(1)/.pip; exit $$code
endef

.venv-serve/.installed: pyproject.toml requirements/serve.txt
	$(call environment,.venv-serve,serve,about 70 MB come and 290 MB stay; one to three minutes)
	@.venv-serve/bin/pip check
	@touch $@

.venv-rivals/.installed: pyproject.toml requirements/rivals.txt
	$(call environment,.venv-rivals,rivals,the servers we compare with; some minutes)
	touch $@

# torch comes first, in the build that pip prefers here (for processors, where a folder or an index has
# it); then its hash is checked. The build for GPUs has its CUDA libraries too. torchscale is the
# reference in one test; its own requirements pull what we do not need.
.venv/.installed: pyproject.toml requirements/develop.txt
	@echo "Installing into .venv, once: torch (the largest part: 200 MB, or some GB with CUDA), then the rest; several minutes."
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --dest .venv/torch "$$(grep -om 1 '^torch==[^ ]*' $(word 2,$^))"
	@sed -n '/^torch==/,/[^\\]$$/p' $(word 2,$^) > .venv/torch/requirements.txt
	.venv/bin/pip install --no-index --find-links .venv/torch $(HASHED) .venv/torch/requirements.txt
	rm -r .venv/torch
	$(call packages,.venv,develop)
	@.venv/bin/pip uninstall --quiet --yes --requirement requirements/reference.txt
	.venv/bin/pip check > /dev/null || .venv/bin/pip install $(HASHED) requirements/torch.txt
	.venv/bin/pip check
	.venv/bin/pip install $(HASHED) requirements/reference.txt
	touch $@

.venv-fuzz/.installed: pyproject.toml requirements/serve.txt requirements/fuzz.txt
	$(call environment,.venv-fuzz,serve,the server and what fuzzes it; some minutes)
	.venv-fuzz/bin/pip install $(HASHED) requirements/fuzz.txt
	touch $@

# Tools that nothing here imports, each in an environment of its own.
.venv-api/.installed .venv-clients/.installed .venv-supply/.installed .venv-lock/.installed .venv-mutants/.installed: .venv-%/.installed: requirements/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install $(HASHED) $<
	touch $@

clean:
	rm -rf .venv .venv-serve .venv-rivals .venv-api .venv-clients .venv-fuzz .venv-lock .venv-mutants .venv-sbom .venv-supply
