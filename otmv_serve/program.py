"""The `otmv` command, wherever it is installed: finds the server's modules, then runs it.

An installed wheel has the modules of the server in the folder `application` of this package, so
that site-packages gets one name; in a clone they lie beside this package. Either way the folder
comes first on the path of this process, and a user's own `server.py` or `models/` never stands in
for ours. What this process starts gets the path from it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def application_folder() -> Path:
    """Return the folder in which the packages of the server lie."""
    package = Path(__file__).resolve().parent
    installed = package / "application"
    return installed if installed.is_dir() else package.parent


def main() -> None:
    """Run the command line."""
    folder = str(application_folder())
    sys.path[:] = [folder, *(path for path in sys.path if path != folder)]
    import_module("cli.main").main()
