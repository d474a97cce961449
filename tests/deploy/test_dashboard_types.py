"""The dashboards are what Grafana's own types ask for: `make dashboards-test`."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.boards import GRAFANA, NAMES, board, panels

TYPES = GRAFANA / "types"
TSC = TYPES / "node_modules" / ".bin" / "tsc"
RAW = "@grafana/schema/dist/esm/raw/composable"

OPTIONS = {  # panel type: the exported types of its options and of fieldConfig.defaults.custom
    "timeseries": ("timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen", "FieldConfig"),
    "stat": ("stat/panelcfg/x/StatPanelCfg_types.gen", None),
    "barchart": ("barchart/panelcfg/x/BarChartPanelCfg_types.gen", "FieldConfig"),
}


LOOSE = """
type Loose<T> = T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends Array<infer U> ? Loose<U>[]
  : T extends object ? { [K in keyof T]: Loose<T[K]> }
  : T;
"""
"""The same type with the values of its enums as text, as JSON has them."""


def typed(name: str, found: dict[str, Any], parts: list[dict[str, Any]]) -> str:
    """Return TypeScript that holds a dashboard, and each panel's parts, to their types."""
    lines = ['import type { Dashboard } from "@grafana/schema";']
    for kind, (module, _) in OPTIONS.items():
        lines += [f'import type * as {kind} from "{RAW}/{module}";']
    lines += [LOOSE, f"export const dashboard: Loose<Dashboard> = {json.dumps(found)};"]
    for panel in parts:
        kind, number = panel["type"], panel["id"]
        options = json.dumps(panel.get("options", {}))
        lines += [f"export const options{number}: Loose<Partial<{kind}.Options>> = {options};"]
        custom = panel["fieldConfig"]["defaults"].get("custom")
        if custom is not None and (of := OPTIONS[kind][1]) is not None:
            lines += [
                f"export const custom{number}: Loose<Partial<{kind}.{of}>> = {json.dumps(custom)};"
            ]
    return "\n".join(lines) + "\n"


def broken() -> dict[str, str]:
    """Return a dashboard made wrong in every way that must be seen."""
    whole = board("service")
    first = next(panel for panel in whole["panels"] if panel["type"] == "timeseries")
    unknown, wrong = copy.deepcopy(whole), copy.deepcopy(whole)
    unknown["titel"] = "x"
    wrong["refresh"] = 30
    options, custom = copy.deepcopy(first), copy.deepcopy(first)
    options["options"]["tooltip"]["mode"] = "all"
    custom["fieldConfig"]["defaults"]["custom"]["lineWidth"] = "thick"
    return {
        "unknown": typed("unknown", unknown, []),
        "wrong": typed("wrong", wrong, []),
        "options": typed("options", whole, [options]),
        "custom": typed("custom", whole, [custom]),
    }


def compiled(folder: Path, files: dict[str, str]) -> dict[str, list[str]]:
    """Return what tsc says, by file."""
    for name, text in files.items():
        (folder / f"{name}.ts").write_text(text, "utf-8")
    options = {
        "strict": True,
        "noEmit": True,
        "skipLibCheck": True,
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "types": [],
        "paths": {"*": [f"{TYPES}/node_modules/*"]},
    }
    config = {"compilerOptions": options, "files": [f"{name}.ts" for name in files]}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        [TSC, "--project", folder, "--pretty", "false"], capture_output=True, text=True, cwd=folder
    )
    found: dict[str, list[str]] = {name: [] for name in files}
    for line in done.stdout.splitlines():
        if match := re.match(r"(\w+)\.ts\(\d+,\d+\): error (.*)", line):
            found[match[1]].append(match[2])
        else:
            assert line.startswith(" "), line
    return found


@pytest.mark.slow
def test_grafanas_types_accept_ours_and_refuse_broken_ones(tmp_path: Path) -> None:
    if not TSC.is_file():
        pytest.skip("TypeScript and @grafana/schema are not installed: make dashboards-test")
    wrong = broken()
    ours = {name: typed(name, board(name), panels(name)) for name in NAMES}
    said = compiled(tmp_path, ours | wrong)
    assert {name: said[name] for name in NAMES} == {name: [] for name in NAMES}
    assert all(said[name] for name in wrong), said
