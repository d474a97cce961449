"""Change the code in small ways, one at a time, and keep the changes that no test notices.

`make mutants MODULES="server/access engine/requests"` runs these; without names it runs all, which
takes days: stopped at any time, it goes on there, for cosmic-ray keeps a session for each module in
runs/mutants. It is chosen because it needs nothing of the layout: it edits a file in a copy of the
tree and starts the tests as they are, decode workers and real servers included. mutmut changes the
imports themselves, which worker processes and tests of whole files do not see.

Fails if a change lives on that deploy/supply/survivors.txt does not have, with its reason.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "runs" / "mutants"
TOOL = ROOT / ".venv-mutants" / "bin"
PYTHON = ROOT / ".venv" / "bin" / "python"
SURVIVORS = Path(__file__).with_name("survivors.txt")
TIMEOUT_S = 120.0
TESTS = {
    "server/access": "tests/server/access tests/server/configuration",
    "server/requests": "tests/server/requests tests/server/apis/native/test_answers.py",
    "pictures": "tests/server/pictures",
    "server/pictures": "tests/server/pictures",
    "server/http": "tests/server/http",
    "server/front": "tests/server/front",
    "server/answering": "tests/server/answering tests/server/apis/native/test_bombs.py",
    "server/configuration": "tests/server/configuration",
    "server/errors": "tests/server/errors tests/server/apis/native/test_answers.py",
    "server/lifecycle": "tests/server/lifecycle tests/server/apis",
    "server/observing": "tests/server/observing",
    "server/apis": "tests/server/apis",
    "server/tasks": "tests/server/tasks",
    "engine/requests": "tests/engine/requests tests/engine/deadlines tests/engine/answers",
    "engine/elastic": "tests/engine/elastic",
    "engine/loop": "tests/engine/loop tests/engine/faults tests/engine/deadlines",
    "engine/opening": "tests/engine/opening",
    "engine/residency": "tests/engine/residency",
    "engine/rows": "tests/engine/rows tests/engine/answers",
    "engine/tasks": "tests/engine/tasks",
}
"""The tests that each module is held against: those that are about it."""


def main(modules: Sequence[str]) -> int:
    """Run the modules that are named, or all; print what lives on and return 1 if any is new."""
    known = set(known_survivors(SURVIVORS.read_text("utf-8")))
    new = []
    for module in modules or TESTS:
        session = _session(module)
        subprocess.run(
            [str(TOOL / "cosmic-ray"), "exec", *session], cwd=FOLDER / "tree", check=True
        )
        report = [str(TOOL / "cr-report"), "--surviving-only", "--show-diff", session[1]]
        text = subprocess.run(report, stdout=subprocess.PIPE, text=True, check=True).stdout
        (FOLDER / f"{_name(module)}.txt").write_text(text, "utf-8")
        found = list(survivors(text))
        new += [change for change in found if change not in known]
        print(f"{module}: {len(found)} live on", flush=True)
    print(*(f"new: {change}" for change in new), sep="\n")
    return 1 if new else 0


def survivors(report: str) -> Iterator[str]:
    """Yield each change that lives on, as `path: - old line + new line`, of a report with diffs."""
    for diff in report.split("=== DIFF ===")[1:]:
        path = re.search(r"^--- mutation diff ---\n--- a/(\S+)", diff, re.M)
        old = re.search(r"^-(?!-- )(.*)$", diff, re.M)
        new = re.search(r"^\+(?!\+\+ )(.*)$", diff, re.M)
        if path:
            words = (found[1].strip() if found else "" for found in (old, new))
            yield "{}: - {} + {}".format(path[1], *words)


def known_survivors(text: str) -> Iterator[str]:
    """Yield the changes of survivors.txt, whose other lines begin with `#`: reasons."""
    yield from (line for line in text.splitlines() if line and not line.startswith("#"))


def _session(module: str) -> tuple[str, str]:
    """Return the configuration and the session of a module; both are made if they are missing."""
    config, session = (FOLDER / f"{_name(module)}.{end}" for end in ("toml", "sqlite"))
    tree = FOLDER / "tree"
    _copy(tree)
    command = f"{PYTHON} -m pytest -x -q -p no:cacheprovider {TESTS[module]}"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = {TIMEOUT_S}\nexcluded-modules = []\n'
        f'test-command = "{command}"\n\n[cosmic-ray.distributor]\nname = "local"\n',
        "utf-8",
    )
    if not session.exists():
        words = [str(TOOL / "cosmic-ray"), "init", str(config), str(session)]
        subprocess.run(words, cwd=tree, check=True)
    return str(config), str(session)


def _copy(tree: Path) -> None:
    """Copy what git knows: a change that an earlier run was stopped in goes away."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    for name in names.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, tree / name)


def _name(module: str) -> str:
    return module.replace("/", "-")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
