from __future__ import annotations

from pathlib import Path

from loadtests.slo import servers


def test_an_environment_that_lacks_a_rival_names_the_line_to_type(tmp_path: Path) -> None:
    assert servers.missing("mosec", tmp_path) == (
        "mosec is not installed: make .venv-rivals/.installed"
    )
    (tmp_path / "lib/python3.11/site-packages/mosec-0.9.8.dist-info").mkdir(parents=True)
    assert servers.missing("mosec", tmp_path) is None
    assert servers.version_in(tmp_path, "mosec") == "0.9.8"
    assert servers.missing("ray", tmp_path) is not None
