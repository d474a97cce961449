"""Settings with where each comes from: options, the environment, a TOML file, or the default."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from server.configuration.api_key import ApiKey
from server.configuration.settings import (
    PREFIX,
    Settings,
    config_file,
    named_in_environment,
    unknown_variables,
    variable_of,
)

_DEFAULT = "default"
_SHOWN_OF_SUM = 8
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")
_WIDEST = 56


class ConfigurationError(Exception):
    """A setting is unknown or wrong; `str()` is one line that says which, where, and what to do."""


@dataclass(frozen=True)
class Configuration:
    """The settings, and for each name where its value comes from."""

    settings: Settings
    origins: Mapping[str, str]

    def chosen(self) -> dict[str, Any]:
        """Return the settings that differ in origin from the default, redacted."""
        shown = redacted(self.settings)
        return {name: shown[name] for name, origin in self.origins.items() if origin != _DEFAULT}

    def as_toml(self) -> str:
        """Return the settings as TOML, redacted, each with its origin as a comment."""
        lines: list[tuple[str, str]] = []
        tables: list[tuple[str, str]] = []
        for name, value in redacted(self.settings).items():
            into = tables if isinstance(value, dict) else lines
            into += [(text, self.origins[name]) for text in _toml(name, value)]
        width = min(_WIDEST, max(len(text) for text, _ in lines))
        return "\n".join(f"{text:<{width}}  # {origin}" for text, origin in lines + tables)


def read_configuration(given: Mapping[str, Any]) -> Configuration:
    """Read the settings; `given` are the options, which win.

    Raises:
        ConfigurationError: a variable or a key of the file is unknown, or a value is wrong.
    """
    if unknown := unknown_variables():
        raise ConfigurationError(
            f"unknown variables {', '.join(unknown)} (unset them; on Kubernetes set "
            f"enableServiceLinks: false if a service name starts with {PREFIX[:-1].lower()})"
        )
    path = config_file(given)
    in_file = frozenset() if path is None else _names_in(path)
    origins = {name: f"{path}" for name in in_file}
    origins |= {name: variable_of(name) for name in named_in_environment()}
    origins |= {name: f"--{name.replace('_', '-')}" for name in given}
    try:
        settings = Settings(**given)
    except SettingsError as error:
        raise ConfigurationError(_not_json(error)) from error
    except ValidationError as error:
        raise ConfigurationError(_refusal(error, origins)) from error
    return Configuration(
        settings, {name: origins.get(name, _DEFAULT) for name in Settings.model_fields}
    )


def redacted(settings: Settings) -> dict[str, Any]:
    """Return the settings as JSON values; of an API key's sum only its first digits."""
    return {name: _shown(getattr(settings, name)) for name in Settings.model_fields}


def _shown(value: Any) -> Any:
    if isinstance(value, ApiKey):
        said = value.model_dump(exclude_none=True)
        return said | {"sha256": value.sha256[:_SHOWN_OF_SUM] + "..."}
    if isinstance(value, dict):
        return {name: _shown(entry) for name, entry in value.items()}
    if isinstance(value, tuple):
        return [_shown(entry) for entry in value]
    if isinstance(value, Path | str):
        return _CREDENTIALS.sub("...@", str(value))
    return value


def _toml(name: str, value: Any) -> list[str]:
    """Return the lines of a setting; as a comment if it is not set, or cannot be in a file."""
    if value is None or value == {}:
        return [f"# {name} is not set"]
    if name == "config":
        return [f"# {toml_pair(name, value)}"]
    if isinstance(value, dict):
        return [
            line
            for key, entry in value.items()
            for line in (f"[{name}.{key}]", *(toml_pair(*item) for item in entry.items()))
        ]
    return [toml_pair(name, value)]


def toml_pair(name: str, value: Any) -> str:
    """Return a setting as a line of TOML; JSON's texts, numbers and lists are TOML's too."""
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"


def _names_in(path: Path) -> frozenset[str]:
    """Return the settings in a file, all of them known."""
    try:
        with path.open("rb") as file:
            names = frozenset(tomllib.load(file))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"{path}: {reason} (give another --config)") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: is not TOML: {error}") from error
    if unknown := sorted(names - (Settings.model_fields.keys() - {"config"})):
        raise ConfigurationError(
            f"{path}: unknown {', '.join(unknown)} (remove it; docs/operations.md lists all)"
        )
    return names


def _refusal(error: ValidationError, origins: Mapping[str, str]) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        problem = "is unknown"
    origin = origins.get(str(first["loc"][0]) if first["loc"] else "")
    if origin is None:
        origin = "ARTIFACT or OTMV_ARTIFACT" if name == "artifact" else variable_of(name)
        return f"{name}: {problem} (set {origin})"
    return f"{name}: {problem} (in {origin})"


def _not_json(error: SettingsError) -> str:
    found = re.search(r'field "(\w+)"', str(error))
    name = found[1] if found else "settings"
    return f'{name}: is not JSON (set {variable_of(name)} to such as ["https://app.example"])'
