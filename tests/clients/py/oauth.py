"""The official Python client, from an MCP URL and nothing else: it finds the authorization server,
registers, sends a person to it, and calls tools. What it was given is kept in a file, so that a later
run goes on with it. Prints what it saw as JSON lines.

usage: oauth.py auto|legacy|2026-07-28 FILE URL...      BROWSER: a program that opens a URL for a person;
                                                       EXPIRED: its access token's time is over
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


def say(event: str, **detail: object) -> None:
    print(json.dumps({"event": event, **detail}), flush=True)


class Kept(TokenStorage):
    """What the client was given, in a file."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def read(self) -> dict[str, object]:
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def write(self, **more: object) -> None:
        self.file.write_text(json.dumps(self.read() | more))

    async def get_tokens(self) -> OAuthToken | None:
        tokens = self.read().get("tokens")
        return OAuthToken.model_validate(tokens) if tokens else None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        say("tokens", refresh=tokens.refresh_token is not None, scope=tokens.scope)
        self.write(tokens=tokens.model_dump(mode="json"))

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        client = self.read().get("client")
        return OAuthClientInformationFull.model_validate(client) if client else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        say("registered", id=client_info.client_id)
        self.write(client=client_info.model_dump(mode="json"))


class Callback:
    """Where the browser comes back."""

    def __init__(self) -> None:
        self.arrived: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def listen(self) -> str:
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        return f"http://localhost:{port}/callback"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readline()).decode().split()[1]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nDone")
        await writer.drain()
        writer.close()
        if "code=" in target or "error=" in target:
            self.arrived.set_result(target)

    async def result(self) -> AuthorizationCodeResult:
        query = parse_qs(urlsplit(await asyncio.wait_for(self.arrived, 60)).query)
        return AuthorizationCodeResult(
            code=query["code"][0], state=query.get("state", [None])[0], iss=query.get("iss", [None])[0]
        )


async def open_browser(url: str) -> None:
    say("authorize", url=url.split("?")[0])
    subprocess.Popen([os.environ["BROWSER"], url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def tour(mode: str, file: str, url: str) -> None:
    callback = Callback()
    metadata = OAuthClientMetadata(client_name="Aldgate tests in Python", redirect_uris=[await callback.listen()])
    auth = OAuthClientProvider(
        server_url=url,
        client_metadata=metadata,
        storage=Kept(file),
        redirect_handler=open_browser,
        callback_handler=callback.result,
    )
    if os.environ.get("EXPIRED"):
        # It refreshes by its clock alone, which does not survive in the file.
        await auth._initialize()
        auth.context.token_expiry_time = 1
    async with httpx2.AsyncClient(auth=auth, timeout=90) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            tools = (await client.list_tools()).tools
            say("connected", url=url, version=client.protocol_version)
            say("tools", url=url, names=sorted(tool.name for tool in tools))
            began = time.monotonic()
            result = await client.call_tool("add", {"a": 19, "b": 23})
            text = getattr(result.content[0], "text", None)
            after = round((time.monotonic() - began) * 1000)
            say("call", url=url, tool="add", text=text, error=bool(result.is_error), after_ms=after)


async def main(mode: str, file: str, urls: list[str]) -> None:
    for url in urls:
        await tour(mode, file, url)


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
