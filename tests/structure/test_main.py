"""The command: one line for each limit, 1 at the end if one is short."""

from __future__ import annotations

import pytest
from rich.console import Console
from typer import Exit

from structure import __main__ as command
from structure.tree import Limit, Tree


def test_the_tree_of_git_has_new_files_and_no_ignored_ones(repository: Tree) -> None:
    assert "structure/tree.py" in repository.files
    assert not any("__pycache__" in path or path.startswith(".venv/") for path in repository.files)


def test_a_line_says_whether_its_limit_holds() -> None:
    console = Console(width=80)
    with console.capture() as shown:
        console.print(command.table([Limit("kept", 3, 3), Limit("passed", 4, 3)]))
    lines = [line.split() for line in shown.get().splitlines()]
    assert lines == [
        ["what", "value", "most"],
        ["kept", "3", "3", "ok"],
        ["passed", "4", "3", "short"],
    ]


@pytest.mark.parametrize(("value", "status"), [(3, 0), (4, 1)])
def test_it_ends_with_1_if_one_is_short(
    value: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Limit("functions [long]", value, 3, ("engine/a.py:1 [x] work 41",))]
    monkeypatch.setattr(command, "limits", lambda tree: found)
    with pytest.raises(Exit) as ended:
        command.main(verbose=True)
    assert ended.value.exit_code == status
    assert "engine/a.py:1 [x] work 41" in capsys.readouterr().out


def test_every_line_fits_into_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit):
        command.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert all(
        len(line) <= 80 and line.rstrip().endswith(("ok", "short", "most")) for line in lines
    )
