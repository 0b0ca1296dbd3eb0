"""aiohttp; its runner handles SIGTERM, unless FAULTS=bare, which serves without it."""

import asyncio
import os

from aiohttp import web


async def index(_):
    return web.Response(text="ok")


async def slow(_):
    await asyncio.sleep(1)
    return web.Response(text="ok")


app = web.Application()
app.router.add_get("/", index)
app.router.add_get("/slow", slow)
port = int(os.environ["PORT"])


async def bare():
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if os.environ.get("FAULTS") == "bare":
    asyncio.run(bare())
else:
    web.run_app(app, host="127.0.0.1", port=port, print=None)
