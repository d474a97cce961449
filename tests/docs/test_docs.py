"""The documents agree with the code wherever a machine can tell. Imports nothing heavy."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from artifact.stage import StageKind
from artifact.task import TASKS
from cli.main import COMMANDS, module_of
from engine.telemetry import Telemetry
from server.configuration.settings import _READ_BY_CLIENTS, PREFIX, Settings
from server.errors.statuses import PROBLEMS
from server.requests.budget import BUDGET_HEADERS, BudgetFields
from server.tasks import SERVED_TASKS
from server.tasks.answer_body import AnswerBody
from structure.tree import Tree
from tuning.recipe import CHOOSING_SEED, LADDER_SEED, QUALITY_SEED, RECIPES, TUNING_SEED

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "loadtests").glob("*.md")],
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def rows(text: str) -> dict[str, list[str]]:
    """Return the table rows whose first cell starts with a code word, by that word."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        for word in re.findall(r"`([^`]+)`", cells[0]) if line.startswith("|") else []:
            found[word] = cells
    return found


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.S)


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(path.read_text("utf-8")), re.M)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_resolves(path: Path) -> None:
    for target in _LINK.findall(without_code(path.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.exists(), f"{path.name}: {target}"
        assert ROOT in found.parents, f"{path.name}: {target} leaves the repository"
        if anchor:
            assert anchor in anchors(found), f"{path.name}: {target}"


def test_every_setting_is_documented_with_its_default() -> None:
    table = rows(page("operations.md"))
    for name, field in Settings.model_fields.items():
        cells = table[PREFIX + name.upper()]
        default = field.default
        if isinstance(default, bool):
            assert cells[1] == str(default).lower()
        elif isinstance(default, (int, float)):
            assert cells[1] == (f"{default:d}" if isinstance(default, int) else f"{default:g}")
        elif isinstance(default, str):
            assert cells[1] == default


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | _READ_BY_CLIENTS | {PREFIX}
    for path in PAGES:
        named = set(re.findall(r"\bOTMV_[A-Z_]*", path.read_text("utf-8")))
        assert named <= known, path.name


def test_the_metrics_table_is_the_registry() -> None:
    collected = Telemetry().registry.collect()
    registered = {
        metric.name + ("_total" if metric.type == "counter" else ""): metric.type
        for metric in collected
    }
    table = rows(page("operations.md"))
    shown = {
        name: cells[1] for name, cells in table.items() if name.startswith(("otmv_", "process_"))
    }
    assert shown == registered
    for path in PAGES:
        named = set(re.findall(r"\botmv_[a-z_]+", path.read_text("utf-8")))
        assert named - {"otmv_", "otmv_serve"} <= set(registered), path.name


def test_every_error_type_is_documented_with_its_status() -> None:
    table = rows(page("api/README.md"))
    for problem in PROBLEMS.values():
        assert table[problem.slug][1] == str(problem.status), problem.slug


def test_every_field_and_header_is_documented() -> None:
    text = page("api/README.md")
    fields = [served.shape.fields for served in SERVED_TASKS.values()]
    for model in (*fields, BudgetFields, AnswerBody):
        for name in model.model_fields:
            assert f"`{name}`" in text, name
    for header in BUDGET_HEADERS:
        assert f"`{header}`" in text.lower(), header


def test_every_stage_is_in_the_architecture() -> None:
    table = rows(page("architecture.md"))
    passes = [each for task in TASKS.values() for each in task.passes]
    named = {each.stem for each in passes} | {each.head for each in passes if each.head}
    kinds = {f"{each.blocks}[g]" for each in passes}
    wholes = {stage for task in TASKS.values() for stage in task.whole_stages("ID")}
    assert {stage.kind for stage in named | wholes} | {each.blocks for each in passes} == set(
        StageKind
    )
    assert named | kinds | wholes <= set(table)


def test_every_place_of_a_task_has_the_registry_that_is_named() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    places = re.findall(r"^\| \d \| `(\S+)` \| `([A-Z_]+)` \|", text, re.M)
    assert len(places) == 6
    for where, registry in places:
        path = ROOT / where / "__init__.py" if where.endswith("/") else ROOT / where
        assert re.search(rf"^{registry}: dict\[TaskName, ", path.read_text("utf-8"), re.M), where


def test_recipes_and_seeds_are_documented() -> None:
    text = page("offline/tuning.md")
    assert set(RECIPES) <= set(rows(text))
    assert re.findall(r"^\| (\d+) \|", text, re.M) == [
        str(seed) for seed in (TUNING_SEED, LADDER_SEED, CHOOSING_SEED, QUALITY_SEED)
    ]


def command_lines() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        for block in re.findall(r"```(?:ba)?sh\n(.*?)```", path.read_text("utf-8"), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"(\S*/)?otmv ", line):
                    yield path.name, line


@pytest.mark.parametrize(("name", "line"), list(command_lines()))
def test_every_command_line_can_be_typed(name: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    assert words[1] in COMMANDS, name
    module = importlib.import_module(module_of(words[1]))
    command = typer.main.get_command(module.app)
    if (group := getattr(command, "commands", None)) is not None:
        command = group[words[2]]
    options = {option for parameter in command.params for option in parameter.opts}
    options |= {option for parameter in command.params for option in parameter.secondary_opts}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options


def test_every_command_is_documented() -> None:
    text = "".join(path.read_text("utf-8") for path in DOCS.rglob("*.md"))
    for command in COMMANDS:
        assert f"otmv {command}" in text, command


def test_every_decision_record_is_listed_and_whole() -> None:
    index = page("adr/README.md")
    for path in sorted((DOCS / "adr").glob("0*.md")):
        text = path.read_text("utf-8")
        assert f"({path.name})" in index
        assert text.startswith(f"# ADR {path.name[:4]}: ")
        for heading in ("Context", "Decision", "Why", "Consequences", "What would change our mind"):
            assert f"\n## {heading}" in text, f"{path.name}: {heading}"


def test_decision_records_are_cited_in_one_form() -> None:
    for path in PAGES:
        text = re.sub(r"^# ADR .*$", "", path.read_text("utf-8"), flags=re.M)
        bare = re.findall(r"(?<!\[)(?<!`)ADR \d{4}", text)
        assert bare == [], f"{path.name}: {bare} without a link"
    for path in (ROOT / name for name in Tree.of_git(ROOT).files if name.endswith(".py")):
        if "tests" not in path.relative_to(ROOT).parts:
            assert not re.search(r"adr/\d{4}", path.read_text("utf-8")), path


def test_the_glossary_defines_each_word_once() -> None:
    words = re.findall(r"^\| ([^|]+) \|", page("glossary.md"), re.M)
    defined = [word for word in words if word != "word" and set(word) != {"-"}]
    assert len(defined) == len(set(defined)) > 40


def test_profile_is_never_said_bare() -> None:
    for path in PAGES:
        text = re.sub(r'`[^`\n]*`|"Profile"', "", without_code(path.read_text("utf-8")))
        for match in re.finditer(r"(\w+)\s+(profiles?)\b", text):
            assert match[1].lower() in ("latency", "optimization"), f"{path.name}: {match[0]}"
