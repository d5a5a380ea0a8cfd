"""The tables of settings in the READMEs, from the settings classes."""

from enum import StrEnum
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from moodcue.settings import ServiceSettings, variable_names
from moodcue_aggregator.settings import AggregatorSettings
from moodcue_broker.settings import BrokerSettings
from moodcue_camera.settings import CameraSettings
from moodcue_fer.settings import FerSettings
from moodcue_gateway.settings import GatewaySettings
from moodcue_mer_indexer.settings import IndexerSettings
from moodcue_recommender.settings import RecommenderSettings

README_SETTINGS: dict[str, type[ServiceSettings]] = {
    "shared/README.md": ServiceSettings,
    "services/aggregator/README.md": AggregatorSettings,
    "services/broker/README.md": BrokerSettings,
    "services/camera/README.md": CameraSettings,
    "services/fer/README.md": FerSettings,
    "services/gateway/README.md": GatewaySettings,
    "services/mer-indexer/README.md": IndexerSettings,
    "services/recommender/README.md": RecommenderSettings,
}
"""Which class each README's table shows, by the README's path in the repository."""


def settings_table(kind: type[ServiceSettings]) -> str:
    """Describe the variables that a class adds to those of every service, or these themselves."""
    common = set() if kind is ServiceSettings else set(variable_names(ServiceSettings))
    rows = ["| variable | default | allowed | meaning |", "|---|---|---|---|"]
    for variable, field in zip(variable_names(kind), kind.model_fields.values(), strict=True):
        if variable not in common:
            cells = [f"`{variable}`", _default(field), _allowed(field), field.description or ""]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        # What the machine decides is said in words: those of the function that asks it.
        return str(getattr(field.default_factory, "__name__", "")).replace("_", " ")
    if field.default is None:
        return "none"
    if field.default == "":
        return "empty"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{_number(field.default) if isinstance(field.default, float) else field.default}`"


def _allowed(field: FieldInfo) -> str:
    words = _words(field.annotation)
    if words:
        return ", ".join(f"`{word}`" for word in words)
    if field.annotation is bool:
        return "`true`, `false`"
    bounds = {
        name: _number(getattr(each, name))
        for each in field.metadata
        for name in ("ge", "gt", "le")
        if hasattr(each, name)
    }
    match bounds:
        case {"ge": low, "le": high}:
            return f"{low} to {high}"
        case {"gt": low, "le": high}:
            return f"above {low}, up to {high}"
        case {"ge": low}:
            return f"at least {low}"
    return ""


def _words(annotation: object) -> list[str]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [member.value for member in annotation]
    return []


def _number(value: float) -> str:
    return f"{value:.12g}"
