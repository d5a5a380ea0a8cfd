"""Settings from the environment: the base of every service's settings, checked at start.

Common variables begin with `MOODCUE_`, those of one service with its own prefix, for instance
`MOODCUE_FER_`. All services may share one environment: each reads its own.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from moodcue.bus import DEFAULT_HOST, DEFAULT_PORT, BusAddress
from moodcue.errors import SettingsError
from moodcue.identity import LONGEST_INSTANCE, host_name
from moodcue.security import load_keys
from moodcue.topics import name_pattern

PREFIX = "MOODCUE_"
SERVICE_PREFIXES = tuple(
    f"{PREFIX}{name}_"
    for name in ("BROKER", "CAMERA", "FER", "AGGREGATOR", "RECOMMENDER", "MER_INDEXER", "GATEWAY")
)


class ServiceSettings(BaseSettings):
    """What every service can be told; a service adds its own fields and `env_prefix`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, env_ignore_empty=True
    )

    bus_host: str = Field(
        DEFAULT_HOST,
        validation_alias="MOODCUE_BUS_HOST",
        min_length=1,
        description="host of the broker",
    )
    bus_port: int = Field(
        DEFAULT_PORT,
        validation_alias="MOODCUE_BUS_PORT",
        ge=1,
        le=65_531,
        description="first of the broker's five consecutive TCP ports",
    )
    curve_dir: Path | None = Field(
        None,
        validation_alias="MOODCUE_CURVE_DIR",
        description="folder with the CURVE keys; none, or with a file `plaintext`: no encryption",
    )
    instance: str = Field(
        default_factory=host_name,
        validation_alias="MOODCUE_INSTANCE",
        pattern=name_pattern(LONGEST_INSTANCE),
        description="name of this process among those of its service",
    )
    health_host: str = Field(
        "127.0.0.1",
        validation_alias="MOODCUE_HEALTH_HOST",
        description="address of /healthz, /readyz and /metrics",
    )
    health_port: int = Field(
        0,
        validation_alias="MOODCUE_HEALTH_PORT",
        ge=0,
        le=65_535,
        description="port of /healthz, /readyz and /metrics; 0 takes a free one",
    )
    stall_seconds: float = Field(
        10.0,
        validation_alias="MOODCUE_STALL_SECONDS",
        ge=1,
        le=3600,
        description="work that does not go on for longer than this fails the health check",
    )
    otlp_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern=r"^https?://[^@\s]+$",
        description="collector that gets traces, OTLP over HTTP, as `http://localhost:4318`; "
        "none: no tracing",
    )
    trace_ratio: float = Field(
        1.0,
        validation_alias="MOODCUE_TRACE_RATIO",
        ge=0,
        le=1,
        description="share of the frames that are traced, the same ones by all services",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias="MOODCUE_LOG_LEVEL", description="least severe line that is logged"
    )

    def bus_address(self) -> BusAddress:
        """Return where the broker is, with the client's keys.

        Raises:
            SettingsError: if the keys cannot be read.
        """
        return BusAddress(self.bus_host, self.bus_port, load_keys(self.curve_dir))

    def masked(self) -> dict[str, str]:
        """Return the effective settings fit for a log line."""
        return {name: str(value) for name, value in self}


S = TypeVar("S", bound=ServiceSettings)


def variable_names(kind: type[ServiceSettings]) -> list[str]:
    """Name the environment variables that a settings class reads."""
    prefix = kind.model_config.get("env_prefix", "")
    return [
        str(field.validation_alias or f"{prefix}{name}".upper())
        for name, field in kind.model_fields.items()
    ]


def load_settings(kind: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read and check the settings of one service.

    Args:
        kind: the settings class.
        environ: the environment to check for unknown variables; default: that of the process.

    Raises:
        SettingsError: naming the variable, the value and what is allowed.
    """
    names = os.environ if environ is None else environ
    _refuse_unknown(names, known=variable_names(kind), prefix=kind.model_config["env_prefix"])
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(_first_problem(error, kind)) from None


def _refuse_unknown(names: Iterable[str], *, known: list[str], prefix: str) -> None:
    others = tuple(p for p in SERVICE_PREFIXES if p != prefix)
    for name in names:
        if name.startswith(PREFIX) and not name.startswith(others) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
            raise SettingsError(f"unknown setting {name}; {hint}")


def _first_problem(error: ValidationError, kind: type[ServiceSettings]) -> str:
    problem = error.errors()[0]
    location = str(problem["loc"][0]) if problem["loc"] else ""
    prefix = kind.model_config.get("env_prefix", "")
    known = location in variable_names(kind)
    name = location if known else f"{prefix}{location}".upper()
    return f"{name}={problem['input']!s}: {problem['msg']}"
