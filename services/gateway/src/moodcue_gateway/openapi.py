"""The OpenAPI document of the HTTP interface, as text for a file."""

import json

from prometheus_client import CollectorRegistry

from moodcue_gateway.app import create_app
from moodcue_gateway.parts import build_parts
from moodcue_gateway.settings import GatewaySettings


def openapi_text() -> str:
    """Return the document as indented JSON, the same whatever the environment says."""
    # Built field by field, so that no variable of the environment is read.
    settings = GatewaySettings.model_construct()
    app = create_app(settings, build_parts(settings, CollectorRegistry()))
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"
