"""One attempt to hand an event to a server of somebody else."""

import asyncio
import ssl
import time
from collections.abc import Callable

import httpx

from moodcue import __version__
from moodcue_gateway.webhooks.signature import signed_headers
from moodcue_gateway.webhooks.store import Delivery, Hook
from moodcue_gateway.webhooks.targets import Reach, TargetError, allowed_address, parse_target

Failure = str | None
"""Why an attempt failed, in a few words; None when the event was taken."""


class Sender:
    """Sends events; any 2xx answer takes one. Redirects are not followed.

    Args:
        client: HTTP client, from `http_client`.
        reach: how near a webhook may come.
        timeout_seconds: for a whole attempt.
        clock: wall clock, seconds since 1970.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        reach: Reach,
        timeout_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._reach = reach
        self._timeout = timeout_seconds
        self._clock = clock

    async def send(self, hook: Hook, delivery: Delivery) -> Failure:
        """Make one attempt."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._attempt(hook, delivery)
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except TargetError as error:
            return str(error)
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            return f"{type(error).__name__}: {error}"

    async def _attempt(self, hook: Hook, delivery: Delivery) -> Failure:
        target = parse_target(hook.url)
        address = await allowed_address(target, self._reach)
        body = delivery.body.encode()
        signed = signed_headers(
            hook.secret, event_id=delivery.event, timestamp=int(self._clock()), body=body
        )
        headers = {"Host": target.authority, "Content-Type": "application/json", **signed}
        # The certificate is that of the name, though the address is connected to.
        extensions = {"sni_hostname": target.host}
        request = self._client.build_request(
            "POST", target.at(address), content=body, headers=headers, extensions=extensions
        )
        # What the server says beyond its status is of no use and could be endless.
        response = await self._client.send(request, stream=True)
        await response.aclose()
        return None if response.is_success else f"the server answered {response.status_code}"


def http_client() -> httpx.AsyncClient:
    """Make the client of the sender; no proxy of the environment stands in between."""
    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        # The system's certificates, so that those of a home of one's own count too.
        verify=ssl.create_default_context(),
        timeout=None,  # noqa: S113 - the sender limits an attempt as a whole
        headers={"User-Agent": f"moodcue/{__version__}"},
    )
