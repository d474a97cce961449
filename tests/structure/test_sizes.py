"""Long functions and files."""

from __future__ import annotations

from pathlib import Path

from structure.sizes import measure
from tests.structure.planted import planted


def function(lines: int, indent: str = "") -> str:
    return f"{indent}def work():\n" + f"{indent}    pass\n" * (lines - 1)


def test_lines_over_the_limit_count_and_tests_apart(tmp_path: Path) -> None:
    tree = planted(
        tmp_path,
        {
            "engine/fits.py": function(40) + "x = 1\n" * 210,
            "engine/long.py": "class A:\n" + function(41, "    ") + "async " + function(41),
            "examples/full.py": "x = 1\n" * 251,
            "tests/test_long.py": function(41) + "x = 1\n" * 210,
        },
    )
    functions, files, test_functions, test_files = measure(tree)
    assert functions.places == ("engine/long.py:43 work 41", "engine/long.py:2 work 41")
    assert files.places == ("examples/full.py 251",)
    assert test_functions.places == ("tests/test_long.py:1 work 41",)
    assert test_files.places == ("tests/test_long.py 251",)
    assert [limit.most for limit in measure(tree)] == [8, 5, 2, 5]
