"""The official Python client against one MCP server behind several addresses in turn.

Prints what it saw as JSON lines; a failure ends it with a traceback and a non-zero code.

usage: main.py auto|legacy|2026-07-28 URL...      the headers are in HEADERS, as a JSON object
"""

import asyncio
import json
import os
import sys
import time

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


def say(event: str, **detail: object) -> None:
    print(json.dumps({"event": event, **detail}), flush=True)


async def call(client: Client, url: str, name: str, arguments: dict[str, object]) -> None:
    began = time.monotonic()

    def since() -> int:
        return round((time.monotonic() - began) * 1000)

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        say("progress", url=url, tool=name, progress=progress, total=total, after_ms=since())

    result = await client.call_tool(name, arguments, progress_callback=progressed)
    text = getattr(result.content[0], "text", None)
    say("call", url=url, tool=name, text=text, error=bool(result.is_error), after_ms=since())


async def tour(mode: str, url: str) -> None:
    headers = json.loads(os.environ.get("HEADERS", "{}"))
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            tools = (await client.list_tools()).tools
            say("connected", url=url, version=client.protocol_version)
            say("tools", url=url, names=sorted(tool.name for tool in tools))
            await call(client, url, "hello", {})
            await call(client, url, "echo", {"text": "round and round"})
            await call(client, url, "add", {"a": 19, "b": 23})
            await call(client, url, "count", {"to": 3})


async def main(mode: str, urls: list[str]) -> None:
    for url in urls:
        await tour(mode, url)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
