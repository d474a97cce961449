"""Lines, tables and progress as a pipe and a terminal get them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cli import console
from cli.console import counted_progress, fail, note, say, say_pairs, share_progress, show, table

LONG = "head[vqa]: differs; pip install 'otmv-serve[export]'" + " and so on" * 20


def test_a_failure_is_one_line_on_standard_error_and_ends_with_its_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        fail(LONG, code=2)
    assert end.value.code == 2
    assert capsys.readouterr() == ("", f"otmv: {LONG}\n")


def test_errors_and_warnings_name_the_command_that_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with console.running("otmv bench slo"):
        console.warn("it is late")
        with pytest.raises(SystemExit):
            fail("it broke")
    console.complain("outside")
    assert capsys.readouterr().err.splitlines() == [
        "otmv bench slo: warning: it is late",
        "otmv bench slo: it broke",
        "otmv: outside",
    ]


def test_what_takes_minutes_tells_its_phases_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_SILENT_S", 0.0)
    with share_progress(phases=True) as report:
        for what in ("tracing block[0]", "tracing block[1]", "measuring quality"):
            report(what, 0.5)
    assert capsys.readouterr() == ("", "tracing block[0] ...\nmeasuring quality ...\n")


def test_lines_are_never_broken_and_names_in_brackets_reach_the_reader(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(LONG)
    note(LONG)
    assert capsys.readouterr() == (LONG + "\n", LONG + "\n")
    say("[bold]a", end="")
    say_pairs({"ms": "[red]1", "deadline": "met"})
    assert capsys.readouterr().out == "[bold]ams        [red]1\ndeadline  met\n"


def test_a_table_holds_plain_text_and_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [("head[vqa]", "[red]x", "1.5"), ("block[0]", "a name " * 20, "12.0")]
    show(table("plans [bold]", ("stage", "outcome"), ("MB",), rows, "each [dim]once"))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for part in ("plans [bold]", "head[vqa]", "[red]x", "each [dim]once"):
        assert any(part in line for line in lines), part
    ends = [line.rstrip("│ ")[-4:] for line in lines if line.rstrip("│ ").endswith((".5", ".0"))]
    assert ends == [" 1.5", "12.0"]


def test_a_table_too_wide_for_its_words_has_one_line_per_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    headings = ("variant", *(f"quality{number}" for number in range(9)))
    rows = [("efficientvlm", *["0.12345"] * 9), ("full[a]", *["0.54321"] * 9)]
    for columns, lines_of_a_row in ((200, 1), (80, 10)):
        monkeypatch.setenv("COLUMNS", str(columns))
        show(table("variants", headings[:1], headings[1:], rows, "measured"))
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= columns
        assert sum("│" in line for line in lines) == 2 * lines_of_a_row
        assert sum(line.count("0.54321") for line in lines) == 9
        assert {"variants", "measured"} <= {line.strip() for line in lines}


def test_a_table_can_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    show(table(None, ("a",), rows=[("b",)]), console.errors())
    shown = capsys.readouterr()
    assert not shown.out
    assert "b" in shown.err


def test_progress_leaves_nothing_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with share_progress() as report:
        report("block[0]", 0.5)
    with counted_progress() as bars:
        bars.update(bars.add_task("drawing", total=2, facts=""), completed=1)
    with console.spinner("loading") as status:
        status.update("more")
    assert capsys.readouterr() == ("", "")


def test_counts_that_stay_end_up_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with counted_progress(stays=True) as bars:
        bars.update(bars.add_task("steps", total=2, facts=""), completed=2, facts="right: 0.5")
    shown = capsys.readouterr().err
    assert "steps" in shown
    assert "2/2" in shown
    assert "right: 0.5" in shown


def test_a_terminal_sees_what_is_done_and_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    terminal = Console(file=file, force_terminal=True, width=80)
    monkeypatch.setattr(console, "errors", lambda: terminal)
    with share_progress(remaining=True) as report:
        report("block[0]", 0.5)
    assert "block[0]" in file.getvalue()


def test_a_spinner_can_be_hidden_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    terminal = Console(file=file, force_terminal=True, width=80)
    monkeypatch.setattr(console, "errors", lambda: terminal)
    with console.spinner("loading", hidden=True):
        pass
    assert not file.getvalue()
    with console.spinner("loading [a]"):
        pass
    assert "loading [a]" in file.getvalue()
