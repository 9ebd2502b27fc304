"""fastmcp, from an MCP URL and nothing else, in one process and over one connection: at each word it
lists tools and calls one. What it was given is kept in a folder. Prints what it saw as JSON lines.

usage: fastmcp_oauth.py FOLDER URL      BROWSER: a program that opens a URL for a person;
                                        words, a line each: `go`, or `expired`: its access token's time
                                        is over
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.filetree import FileTreeStore, FileTreeV1KeySanitizationStrategy


def say(event: str, **detail: object) -> None:
    print(json.dumps({"event": event, **detail}), flush=True)


async def tour(client: Client, url: str) -> None:
    tools = await client.list_tools()
    say("connected", url=url, version=client.protocol_version)
    say("tools", url=url, names=sorted(tool.name for tool in tools))
    began = time.monotonic()
    result = await client.call_tool("add", {"a": 19, "b": 23})
    text = getattr(result.content[0], "text", None)
    after = round((time.monotonic() - began) * 1000)
    say("call", url=url, tool="add", text=text, error=bool(result.is_error), after_ms=after)


async def main(folder: Path, url: str) -> None:
    folder.mkdir()
    # Its keys are URLs: names of files must be made of them.
    names = FileTreeV1KeySanitizationStrategy(folder)
    auth = OAuth(token_storage=FileTreeStore(data_directory=folder, key_sanitization_strategy=names))
    async with Client(url, auth=auth) as client:
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if word == "expired":
                # It refreshes by its clock alone.
                auth.context.token_expiry_time = 1
            await tour(client, url)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
