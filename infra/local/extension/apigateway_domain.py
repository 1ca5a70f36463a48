"""A custom domain name without DNS: a second port of the server, whose requests go to the API that the domain maps to.

Gap: a custom domain name is known by the `Host` header alone, and no name points to this machine.
Real AWS: whoever asks a domain's host reaches the API and stage of its base path mapping; the path has no stage in it,
so that links which begin with a slash work.
Here: what arrives at the port `FRONT_PORT` is served as if it had been asked of the one domain name that is registered
(AWS::ApiGateway::DomainName), by its base path mappings; without one it is refused, as a domain without a mapping is.
`$context.domainName` is the host that was asked, with its port.
Unfaithful: no TLS; one domain name; a mapping needs a stage; `$context.path` begins with the stage.
"""

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.config import Config
from ministack import app
from ministack.services import apigateway_v1 as gateway

PORT = os.environ.get("FRONT_PORT", "")
REFUSED = json.dumps({"message": "Forbidden"}).encode()


def place(path: str) -> str | None:
    """The path of a front request as the server's main port knows it, or None where nothing is mapped."""
    for (_, _, domain), _ in gateway._domain_names.all_items():
        mapped = gateway.resolve_base_path_mapping(domain, path)
        if mapped:
            api, stage, rest = mapped
            return f"/_aws/execute-api/{api}/{stage}{rest}"
    return None


def install() -> None:
    """Listen on the second port, and send what arrives there to its API."""
    if not PORT:
        return
    front, stock = int(PORT), app.app
    setter = Config.bind.fset

    async def serve(scope: dict, receive: Callable[[], Awaitable], send: Callable[[dict], Awaitable]) -> None:
        if scope["type"] != "http" or (scope.get("server") or ("", 0))[1] != front:
            await stock(scope, receive, send)
            return
        path, raw = place(scope["path"]), place(scope["raw_path"].decode("ascii"))
        if path is None or raw is None:
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(REFUSED)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSED})
            return
        await stock({**scope, "path": path, "raw_path": raw.encode("ascii")}, receive, send)

    def bind(config: Config, value: Any) -> None:
        addresses = [value] if isinstance(value, str) else list(value)
        host = addresses[0].rpartition(":")[0]
        setter(config, [*addresses, f"{host}:{front}"])

    app.app = serve
    Config.bind = property(Config.bind.fget, bind)
