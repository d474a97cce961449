# Environments: .venv-serve serves and has no torch; .venv develops; .venv-rivals has the servers
# that `otmv bench slo` compares with.
PYTHON   ?= python3
PORT     ?= 8000
ARTIFACT ?= examples/demo-artifact

.PHONY: serve watched test test-slow check structure lint format demo gpu-suite dashboards dashboards-test picture-reference monitoring-test image-test clean

serve: .venv-serve/.installed
	.venv-serve/bin/otmv serve $(ARTIFACT) --port $(PORT)

# The same under the eyes of a Prometheus with our rules and alerts, on port 9090, until Ctrl-C.
# Debian: apt-get install prometheus. With Docker, and Grafana: deploy/compose.yaml.
watched: .venv-serve/.installed
	@command -v prometheus > /dev/null || { echo "install prometheus (Debian: apt-get install prometheus)"; exit 1; }
	@mkdir -p runs/watched && cp -r deploy/prometheus/. runs/watched
	@sed -i 's/127\.0\.0\.1:8000/127.0.0.1:$(PORT)/' runs/watched/targets.yml
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

# Tune the demo (about 75 minutes on two cores) and export it.
demo: .venv/.installed
	.venv/bin/otmv tune demo --out runs/demo
	.venv/bin/otmv export runs/demo --out runs/demo-artifact

# Write deploy/grafana/dashboards/*.json.
dashboards: .venv/.installed
	.venv/bin/python -m deploy.grafana.generate

# Against Grafana's own types; needs npm.
dashboards-test: .venv/.installed
	npm ci --prefix deploy/grafana/types --no-audit --no-fund
	.venv/bin/pytest tests/deploy/test_dashboards.py tests/deploy/test_dashboard_types.py

# Write again what other programs see in the tests' picture files: Chromium (Debian: chromium), and
# libvips (`pip install pyvips-binary pyvips` into .venv, which needs neither for the tests).
picture-reference: .venv/.installed
	.venv/bin/python -m tests.server.kit.picture_files.reference chromium

# A real Prometheus (Debian: apt-get install prometheus) scrapes a real server under load.
monitoring-test: .venv/.installed
	.venv/bin/pytest tests/deploy/test_rules.py tests/deploy/live_monitoring.py

# Build the CPU image and run it: buildah and podman, or docker. See tests/deploy/image_tools.py.
image-test: .venv/.installed
	.venv/bin/pytest -rA tests/deploy/live_image.py

# Measure the models on this machine's GPU, about nine minutes. Makes no environment: it runs on
# whatever $(PYTHON) has, which must be torch for CUDA and triton, safetensors, tokenizers and pillow.
gpu-suite:
	$(PYTHON) -m loadtests.gpu $(GPU_SUITE)

.venv-serve/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-serve
	.venv-serve/bin/pip install --quiet --disable-pip-version-check -c constraints.txt --editable .
	touch $@

.venv-rivals/.installed: pyproject.toml constraints-rivals.txt
	$(PYTHON) -m venv .venv-rivals
	.venv-rivals/bin/pip install --quiet --disable-pip-version-check -c constraints-rivals.txt --editable ".[rivals]"
	touch $@

# torchscale is the reference in one test; its own requirements pull what we do not need.
.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt --editable ".[dev]"
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps torchscale fairscale
	touch $@

clean:
	rm -rf .venv .venv-serve .venv-rivals
