"""The Dockerfile and deploy/compose.yaml against the code; tests/deploy/live_image.py runs them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.configuration.settings import Settings, unknown_variables
from tests.deploy.image_tools import HARDENED

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = ("server", "server-gpu")
CLOSING_S = 5
"""What connections get after the drain."""


def copied() -> set[str]:
    """Return what the Dockerfile copies from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
    return {word for line in lines for word in line.split()}


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)s", text)
    assert found, text
    return int(found[1])


def defaults(text: str) -> str:
    """Return a value of the compose file as it is when no variable is set."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)


def test_every_package_of_the_wheel_is_copied() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= copied()
    assert {PROJECT["project"]["readme"], "LICENSE", "requirements", "pyproject.toml"} <= copied()


def test_what_is_copied_is_there_and_all_that_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in IGNORED if line.startswith("!")}
    assert sent == copied()
    assert all((ROOT / name).exists() for name in copied())


def test_nothing_is_installed_in_images_but_by_its_hash() -> None:
    text = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"bin/pip (?:--python \S+ )?(?:install|wheel) ([^&\n]+)", text)
    assert len(installs) == 5
    for words in installs:
        ours = "--no-deps" in words  # our own program, from this folder
        assert ours or words.startswith("--require-hashes -r "), words
    assert "python requirements" not in DOCKERFILE


def test_the_label_names_this_version() -> None:
    assert f"ARG VERSION={PROJECT['project']['version']}\n" in DOCKERFILE


def test_images_set_only_what_the_server_reads() -> None:
    assert not unknown_variables(re.findall(r"\b(OTMV_[A-Z_]+)=", DOCKERFILE))
    for name in SERVERS:
        environment = SERVICES[name]["environment"]
        assert not unknown_variables(environment)
        Settings(artifact=ROOT, **{key[5:].lower(): v for key, v in environment.items()})


@pytest.mark.parametrize("name", [*SERVERS, "plans"])
def test_what_runs_our_images_is_locked_up(name: str) -> None:
    service = SERVICES[name]
    assert service["build"]["target"] in re.findall(r" AS (\S+)$", DOCKERFILE, re.M)
    assert f"\nUSER {service['user']}\n" in DOCKERFILE
    given = {
        "--read-only": service["read_only"],
        "--tmpfs=/tmp": service["tmpfs"] == ["/tmp"],
        "--cap-drop=ALL": service["cap_drop"] == ["ALL"],
        "--security-opt=no-new-privileges": service["security_opt"] == ["no-new-privileges:true"],
    }
    assert tuple(given) == HARDENED
    assert all(given.values())
    assert service["mem_limit"]


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_not_killed_while_it_drains(name: str) -> None:
    service = SERVICES[name]
    environment = service["environment"]
    drain_s = float(environment["OTMV_DRAIN_DELAY_S"]) + float(environment["OTMV_DRAIN_TIMEOUT_S"])
    assert seconds(service["stop_grace_period"]) > drain_s + CLOSING_S


@pytest.mark.parametrize("name", SERVERS)
def test_the_health_check_is_the_images_own(name: str) -> None:
    """Written twice: an image in OCI's format has none."""
    check = SERVICES[name]["healthcheck"]
    for key in ("interval", "timeout", "retries"):
        assert f"--{key}={check[key]} " in DOCKERFILE
    assert f"--start-period={check['start_period']} " in DOCKERFILE
    code = check["test"][-1].replace("8000", "int(os.environ['OTMV_PORT'])")
    assert code.removeprefix("import ") in DOCKERFILE


@pytest.mark.parametrize("status", [200, 503])
def test_the_health_check_goes_through_no_proxy(status: int) -> None:
    """Docker sets `http_proxy` in every container where its user has configured one."""
    words = re.search(r'^ +CMD (\["python".*\])$', DOCKERFILE, re.M)
    assert words is not None

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        asked = threading.Thread(target=server.handle_request)
        asked.start()
        environment = {"OTMV_PORT": str(server.server_port), "http_proxy": "http://127.0.0.1:9"}
        command = [sys.executable, *json.loads(words[1])[1:]]
        code = subprocess.run(command, env=environment, timeout=30).returncode
        asked.join()
    assert code == (0 if status == 200 else 1)


def test_only_the_gpu_waits_for_its_profile() -> None:
    waiting = {name for name, service in SERVICES.items() if "profiles" in service}
    assert waiting == {"plans", "server-gpu"}
    for name in waiting:
        assert SERVICES[name]["profiles"] == ["gpu"]
        devices = SERVICES[name]["deploy"]["resources"]["reservations"]["devices"]
        assert [device["driver"] for device in devices] == ["nvidia"]
    assert set(SERVICES) - waiting == {"server", "prometheus", "grafana"}


def test_nothing_is_reachable_from_outside() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    hosts = [defaults(port).split(":")[1] for port in ports]
    assert len(hosts) == len(set(hosts)) == 4


def test_everything_that_is_mounted_is_there() -> None:
    named = set(COMPOSE["volumes"])
    used = set()
    for service in SERVICES.values():
        for volume in service["volumes"]:
            source = defaults(volume).split(":")[0]
            if source in named:
                used.add(source)
            else:
                assert (DEPLOY / source).resolve().exists(), source
                assert volume.endswith(":ro"), volume
    assert used == named


def test_prometheus_scrapes_the_servers_with_our_rules() -> None:
    config = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text("utf-8"))
    usual = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    (job,), (usual_job,) = config.pop("scrape_configs"), usual.pop("scrape_configs")
    assert config == usual
    assert job["job_name"] == usual_job["job_name"]
    (found,) = job["dns_sd_configs"]
    for name in SERVERS:
        assert SERVICES[name]["networks"]["default"]["aliases"] == found["names"]
        assert SERVICES[name]["ports"][0].endswith(f":{found['port']}")
    mounted = {
        volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES["prometheus"]["volumes"]
    }
    assert mounted["/etc/otmv/prometheus.yml"] == "./compose/prometheus.yml"
    assert mounted["/etc/otmv/rules"] == "./prometheus/rules"
    assert "--config.file=/etc/otmv/prometheus.yml" in SERVICES["prometheus"]["command"]


def test_grafana_finds_its_data_source_and_dashboards() -> None:
    grafana, provisioning = SERVICES["grafana"], DEPLOY / "grafana" / "provisioning"
    source = (provisioning / "datasources" / "prometheus.yaml").read_text("utf-8")
    for name in re.findall(r"\$\{(\w+)\}", source):
        assert grafana["environment"][name] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "otmv.yaml").read_text())[
        "providers"
    ]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in grafana["volumes"]}
    assert mounted["/etc/grafana/provisioning"] == "./grafana/provisioning"
    assert mounted[provider["options"]["path"]] == "./grafana/dashboards"
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (DEPLOY / "grafana" / "dashboards" / home.name).exists()
    types = (DEPLOY / "grafana" / "types" / "package.json").read_text("utf-8")
    assert f'"@grafana/schema": "{grafana["image"].split(":")[1]}"' in types
