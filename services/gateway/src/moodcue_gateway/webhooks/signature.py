"""Signatures as Standard Webhooks has them: https://www.standardwebhooks.com, version 1.0.0.

HMAC-SHA256 over `ID.TIMESTAMP.BODY`, so that neither an old nor a changed message passes.
"""

import base64
import hashlib
import hmac
import secrets

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """Make a secret: `whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(secret: str, *, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers by which a receiver knows a message.

    Args:
        secret: of the webhook.
        event_id: of the event, the same at every attempt.
        timestamp: of this attempt, seconds since 1970.
        body: of the message, as sent.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    content = f"{event_id}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{digest}",
    }
