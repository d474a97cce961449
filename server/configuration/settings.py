"""Every setting of the server, and the only reader of the environment (prefix OTMV_)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ByteSize, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.telemetry import NO_API_KEY
from server.configuration.api_key import ApiKey, KeyName
from server.configuration.web_names import HostName, Origin

PREFIX = "OTMV_"
_READ_BY_CLIENTS = frozenset({"OTMV_URL", "OTMV_KEY", "OTMV_WORLD"})


class Settings(BaseSettings):
    """Everything an operator can set; sizes accept units such as 512MiB."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True
    )

    artifact: Path = Field(description="Folder of the artifact to serve.")
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one."
    )
    grpc_port: int | None = Field(None, ge=0, le=65535, description="Port for gRPC; default: none.")
    backend: Literal["auto", "onnxruntime", "openvino", "tensorrt", "torch"] = Field(
        default="onnxruntime",
        description="Inference library; auto: the fastest that passes the golden check here.",
    )
    cache_dir: Path | None = Field(
        default=None,
        description="Where latency profiles are kept; default: the user's cache folder.",
    )
    memory_budget: ByteSize | None = Field(
        default=None, gt=0, description="Bytes the loaded stages may take; default: no limit."
    )
    queue_limit: int = Field(
        default=256, ge=1, le=100_000, description="Requests admitted at once."
    )
    max_batch: int = Field(default=8, ge=1, le=256, description="Rows per engine step at most.")
    caption_slots: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Texts of open captions at once, each beam one; default: 4 times max_batch.",
    )
    adapters: Path | None = Field(default=None, description="Folder of adapters, loaded at start.")
    adapter_places: int = Field(default=64, ge=0, le=10_000, description="Most adapters at once.")
    engine_threads: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Threads of the inference library; default: as many as pay here.",
    )
    max_body_bytes: ByteSize = Field(
        default=ByteSize(20 * 2**20), ge=1024, le=2**30, description="Largest request body."
    )
    max_bodies_bytes: ByteSize = Field(
        default=ByteSize(512 * 2**20), ge=1024, description="All request bodies in memory together."
    )
    head_timeout_s: float = Field(
        default=10.0, gt=0, le=3600, description="Time a request's head may take to arrive."
    )
    body_timeout_s: float = Field(
        default=30.0, gt=0, le=3600, description="Time a request body may take to arrive."
    )
    max_pixels: int = Field(
        default=40_000_000, ge=1, le=170_000_000, description="Pixels of the largest picture."
    )
    decode_workers: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Processes that decode pictures; default: one for two cores, 2 to 4.",
    )
    decode_timeout_s: float = Field(
        default=10.0, gt=0, le=600, description="Time a picture may take to be decoded."
    )
    decode_memory: ByteSize = Field(
        default=ByteSize(256 * 2**20),
        ge=2**20,
        description="Bytes that large pictures may take together while they are decoded.",
    )
    picture_cache: ByteSize = Field(
        default=ByteSize(64 * 2**20), ge=0, description="Bytes of pictures kept decoded; 0: none."
    )
    default_max_latency_ms: float = Field(
        default=30_000.0,
        gt=0,
        le=3_600_000,
        allow_inf_nan=False,
        description="Latency budget of a request that names none.",
    )
    default_on_miss: Literal["degrade", "reject"] = Field(
        default="degrade", description="What happens when the latency budget cannot be met."
    )
    grace_s: float = Field(
        default=10.0,
        ge=0,
        le=600,
        allow_inf_nan=False,
        description="How long a late `degrade` request is still worked on.",
    )
    late_answer_worth: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="What a late answer under `degrade` is worth, as a share of its quality.",
    )
    audit_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of lower variants' answers that are run again at the deepest when idle.",
    )
    hang_timeout_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Time one turn of the engine may take before it counts as hanging.",
    )
    reload: bool = Field(
        default=False,
        description="Whether operators may change artifact and memory budget while it serves.",
    )
    artifacts_root: Path | None = Field(
        default=None,
        description="Folder whose artifacts a reload may name; default: the artifact's parent.",
    )
    drain_timeout_s: float = Field(
        default=30.0, ge=0, le=3600, description="Time running requests get after SIGTERM."
    )
    drain_delay_s: float = Field(
        default=0.0,
        ge=0,
        le=300,
        description="Time to stay reachable after SIGTERM until closing.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level that is logged."
    )
    access_log: bool = Field(default=True, description="Log one line per request.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="How log lines are written."
    )
    log_content: bool = Field(
        default=False, description="Log the text of questions and statements; never pictures."
    )
    tracing: bool = Field(default=False, description="Send spans of requests by OTLP.")
    otel_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="Where spans are sent; default: OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    cors_origins: tuple[Origin, ...] = Field(
        default=(), description="Origins of web pages that may read answers; * for every one."
    )
    allowed_hosts: tuple[HostName, ...] = Field(
        default=(), description="Hosts that the header Host may name; default: any."
    )
    playground: bool = Field(
        default=True, description="Serve the page to try the model on, at the address / itself."
    )
    guard_metrics: bool = Field(
        default=False, description="Ask for an API key at /metrics too, where keys are configured."
    )
    keys: dict[KeyName, ApiKey] = Field(
        default_factory=dict, description="API keys by name; without any, every request is served."
    )
    config: Path | None = Field(default=None, description="A TOML file with any of these settings.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options win over the environment, and that over the file which either of them names."""
        file = TomlConfigSettingsSource(settings_cls, config_file(init_settings()))
        return init_settings, env_settings, file

    @field_validator("keys")
    @classmethod
    def _keys_differ(cls, keys: dict[str, ApiKey]) -> dict[str, ApiKey]:
        if NO_API_KEY in keys:
            raise ValueError(f"no API key may be called {NO_API_KEY}")
        if len({key.sha256.lower() for key in keys.values()}) < len(keys):
            raise ValueError("two names have the same sha256")
        return keys

    @model_validator(mode="after")
    def _bodies_fit(self) -> Settings:
        if self.max_bodies_bytes < self.max_body_bytes:
            raise ValueError("max_bodies_bytes must be at least max_body_bytes")
        return self


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def named_in_environment() -> frozenset[str]:
    """Return the settings that the environment gives a value."""
    return frozenset(name for name in Settings.model_fields if variable_of(name) in os.environ)


def config_file(given: Mapping[str, Any]) -> Path | None:
    """Return the configuration file that the options, or else the environment, name."""
    chosen = given.get("config") or os.environ.get(variable_of("config"))
    return None if chosen is None else Path(chosen)


def unknown_variables(environment: Iterable[str] | None = None) -> list[str]:
    """Return the OTMV_ variables that no setting reads, so that a typo is never ignored."""
    known = {variable_of(name) for name in Settings.model_fields} | _READ_BY_CLIENTS
    names = os.environ if environment is None else environment
    return sorted(name for name in names if name.upper().startswith(PREFIX) and name not in known)
