"""What a program calls through an object that stands for another: a proxy, a protocol, a name with an annotation."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from project.made_repository import written

CLIENT = """
    import requests

    class Client:
        def __init__(self):
            self.session = requests.Session()

        def price(self, item):
            return self.session.get(f"https://prices.example.com/{item}").text
"""
HEAD = """
    from flask import Flask
    from werkzeug.local import LocalProxy
    from shop.client import Client

    app = Flask(__name__)
"""
VIEW = """
    @app.get("/<item>")
    def show(item):
        return client.price(item)
"""


def phases(folder: Path, name: str, **files: str) -> frozenset[str]:
    """In which phases a method runs, by ``Class.method``, whatever it is reached from."""
    given = {f"shop/{path}.py": dedent(text) for path, text in files.items()}
    project = written(folder, {"shop/__init__.py": "", **given})
    func = next(f for f in project.functions if f.qualname == name)
    return frozenset().union(*project.phases_by_entrypoint(func).values())


@pytest.mark.parametrize(
    "made",
    [
        "client = LocalProxy(lambda: Client())",
        "client = LocalProxy(Client)",
        "def get_client():\n    return Client()\nclient = LocalProxy(get_client)",
        "from pool import PerThread\nget_client = PerThread('client', lambda: Client())\nclient = LocalProxy(get_client)",
        "from pool import PerThread\nget_client: PerThread = PerThread('client', lambda: Client())\nclient = LocalProxy(get_client)",
    ],
)
def test_a_proxy_stands_for_what_its_maker_returns(tmp_path: Path, made: str) -> None:
    main = f"{dedent(HEAD)}\n{made}\n{dedent(VIEW)}"
    assert phases(tmp_path, "Client.price", client=CLIENT, main=main) == {"serving"}


def test_a_proxy_of_what_is_not_known_stands_for_nothing(tmp_path: Path) -> None:
    main = f"{dedent(HEAD)}\nclient = LocalProxy(lambda: app.extensions['client'])\n{dedent(VIEW).replace('price', 'get')}"
    assert not phases(tmp_path, "Client.price", client=CLIENT, main=main)


PROTOCOL = """
    from typing import Protocol

    class Sends(Protocol):
        def send(self, event, addresses): ...

    class ByHook:
        def send(self, event, addresses):
            print(event)

    class ByQueue:
        def send(self, job):
            print(job)

    class Bus:
        def __init__(self, sender: Sends):
            self.sender = sender

        def tell(self, event):
            self.sender.send(event, [])
"""
TOLD = f"{dedent(HEAD)}\nfrom shop.bus import Bus, ByHook\n\n@app.post('/')\ndef tell():\n    Bus(ByHook()).tell('x')\n    return ''\n"


def test_a_call_on_a_protocol_means_the_classes_that_fulfil_it(tmp_path: Path) -> None:
    assert phases(tmp_path, "ByHook.send", client=CLIENT, bus=PROTOCOL, main=TOLD) == {"serving"}


def test_a_method_of_the_same_name_with_other_parameters_fulfils_no_protocol(tmp_path: Path) -> None:
    assert not phases(tmp_path, "ByQueue.send", client=CLIENT, bus=PROTOCOL, main=TOLD)


def test_an_annotated_name_keeps_the_call_that_made_it(tmp_path: Path) -> None:
    text = "import redis\n\nstore: redis.Redis = redis.Redis(socket_timeout=5)\n\n\ndef look():\n    return store.get('x')\n"
    project = written(tmp_path, {"shop.py": text})
    (site,) = (s for f in project.functions for s in f.sites if s.method == "get")
    assert site.origin is not None and site.origin.call.keywords


API = """
    from fastapi import FastAPI, Request
    from shop.client import Client

    app = FastAPI()
"""


@pytest.mark.parametrize("request_of", ["request: Request", "request"])
@pytest.mark.parametrize("empty", ["", "app.state.client = None"])
def test_what_a_start_puts_on_the_state_of_the_application(tmp_path: Path, request_of: str, empty: str) -> None:
    main = (
        f"{dedent(API)}\n{empty}\ndef main(app: FastAPI):\n    app.state.client = Client()\n"
        f"@app.get('/a')\ndef show({request_of}):\n    return request.app.state.client.price('a')\n"
    )
    assert phases(tmp_path, "Client.price", client=CLIENT, main=main) == {"serving"}


def test_what_is_put_under_another_name_is_not_asked_for(tmp_path: Path) -> None:
    other = f"{CLIENT}\n    class Other:\n        def price(self, item):\n            return 0\n"
    main = (
        f"{dedent(API)}\nfrom shop.client import Other\ndef main(app: FastAPI):\n    app.state.client = Client()\n"
        "    app.state.spare = Other()\n"
        "@app.get('/a')\ndef show(request: Request):\n    return request.app.state.client.price('a')\n"
    )
    assert phases(tmp_path, "Client.price", client=other, main=main) == {"serving"}
    assert not phases(tmp_path, "Other.price", client=other, main=main)


@pytest.mark.parametrize(
    ("asked", "found"), [("current_app.client", {"serving"}), ("current_app.config", set()), ("g.client", set())]
)
def test_what_is_put_on_a_flask_application(tmp_path: Path, asked: str, found: set[str]) -> None:
    main = (
        "from flask import Flask, current_app, g\nfrom shop.client import Client\napp = Flask(__name__)\napp.client = Client()\n"
        f"@app.get('/a')\ndef show():\n    return {asked}.price('a')\n"
    )
    assert phases(tmp_path, "Client.price", client=CLIENT, main=main) == found


PLUGS = """
    class Connector:
        async def connect(self): ...
        async def listen(self): ...

    class Chat(Connector):
        async def connect(self):
            self.session = None
        async def listen(self):
            pass

    class Mail(Connector):
        async def connect(self):
            self.box = None
        async def listen(self):
            pass

    class Feed(Connector):
        async def connect(self):
            self.feed = None
        async def listen(self):
            pass

    class Store:
        async def connect(self):
            self.rows = {}
"""
HOST = """
    import asyncio
    from shop.client import Chat, Feed, Mail

    class Bot:
        def __init__(self):
            self.connectors = []
            self.tasks = []

        def create_task(self, work):
            self.tasks.append(asyncio.get_running_loop().create_task(work))

        async def start(self):
            await asyncio.gather(*[{name}.connect() for {name} in self.connectors])
            for connector in self.connectors:
                self.create_task(connector.listen())
            while True:
                await asyncio.sleep(1)

    if __name__ == "__main__":
        asyncio.run(Bot().start())
"""


@pytest.mark.parametrize(("name", "found"), [("connector", {"startup"}), ("one", set())])
def test_a_name_that_is_the_name_of_a_family_of_classes(tmp_path: Path, name: str, found: set[str]) -> None:
    main = HOST.format(name=name)
    assert phases(tmp_path / "chat", "Chat.connect", client=PLUGS, main=main) == found
    assert not phases(tmp_path / "store", "Store.connect", client=PLUGS, main=main)


def test_a_coroutine_found_by_its_name_that_is_made_a_task_runs_beside_the_start(tmp_path: Path) -> None:
    assert phases(tmp_path, "Chat.listen", client=PLUGS, main=HOST.format(name="one")) == {"serving"}


BOTH = {"startup", "shutdown"}
BESIDE = """
    import asyncio
    from shop.client import Client

    async def clock():
        while True:
            await asyncio.sleep(60)

    async def main():
        loop = asyncio.get_running_loop()
        {first}
        Client().price("first")
        await asyncio.gather(*asyncio.all_tasks())

    asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("first", "found"),
    [
        ("loop.create_task(clock())", {"startup"}),
        ("await clock()", {"shutdown"}),
        ("loop.create_task(clock())\n        try:\n            await serve()\n        finally:\n            Client().price(1)", BOTH),
    ],
)
def test_what_stands_behind_a_task_that_serves_still_belongs_to_the_start(tmp_path: Path, first: str, found: set[str]) -> None:
    assert phases(tmp_path, "Client.price", client=CLIENT, main=BESIDE.format(first=first)) == found
