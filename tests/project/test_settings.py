"""Reads of settings: where, how, with what default, conversion and check, and where the value goes."""

import pytest
from made_sources import function, link

from runtime_ops.project.settings import SettingRead, Settings, find_settings


def settings(source: str = "", **files: str) -> Settings:
    return Settings(link(source, **files))


def read(source: str, name: str = "X") -> SettingRead:
    (found,) = settings(source).by_name(name)
    return found


def names(found: Settings) -> list[str]:
    return [r.name for r in found]


# ---------------------------------------------------------------- the environment


@pytest.mark.parametrize(
    ("line", "how", "required", "default"),
    [
        ('v = os.environ["X"]', "environ", True, None),
        ('v = os.environ.get("X")', "environ.get", False, None),
        ('v = os.environ.get("X", None)', "environ.get", False, None),
        ('v = os.environ.get("X", "8080")', "environ.get", False, "8080"),
        ('v = os.environ.get("X") or "d"', "environ.get", False, "d"),
        ('v = os.environ.pop("X")', "environ.pop", True, None),
        ('os.environ.setdefault("X", "d")', "environ.setdefault", False, "d"),
        ('v = os.getenv("X", default="d")', "getenv", False, "d"),
        ('v = environ["X"]', "environ", True, None),
        ('v = getenv("X")', "getenv", False, None),
        ("v = os.environ[KEY]", "environ", True, None),
        ('v = env["X"]', "environ", True, None),
        ('v = "X" in os.environ', "contains", False, None),
        ('v = os.environ.get("X", os.environ.get("Y", "d"))', "environ.get", False, "d"),
    ],
)
def test_ways_to_read(line: str, how: str, required: bool, default: str | None) -> None:
    head = 'import os\nfrom os import environ, getenv\nenv = os.environ\nKEY = "X"\n'
    found = read(f"{head}{line}\n")
    assert (found.how, found.required, found.default_text, found.line) == (how, required, default, 5)


def test_writes_and_other_mappings_are_no_reads() -> None:
    found = settings(
        """
        import os
        os.environ["A"] = "1"
        del os.environ["B"]
        table = {}
        table["C"], table.get("D")
        env = os.environ.copy()
        env["E"] = "x"
        """
    )
    assert names(found) == []


@pytest.mark.parametrize(
    ("expression", "conversion"),
    [
        ('int(os.environ["X"])', "int"),
        ('float(os.getenv("X", "1").strip())', "float"),
        ('bool(os.getenv("X"))', "bool"),
        ('os.getenv("X", "").lower() in ("1", "true")', "flag"),
        ('not os.getenv("X")', "truth"),
        ('json.loads(os.environ["X"])', "json"),
        ('Path(os.environ["X"])', "path"),
        ('os.getenv("X", "").split(",")', "list"),
        ('parse(os.environ["X"])', "parse"),
        ('os.environ["X"]', ""),
        ("int(os.environ.get('X', os.environ.get('Y')))", "int"),
    ],
)
def test_conversions(expression: str, conversion: str) -> None:
    head = "import json, os\nfrom pathlib import Path\n\ndef parse(text): return text\n\n"
    assert read(f"{head}value = {expression}\n").conversion == conversion


def test_conversion_after_binding() -> None:
    assert (
        read('import os\n\ndef f():\n    raw = os.getenv("X")\n    return connect(timeout=int(raw))\n').conversion
        == "int"
    )


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ('X = os.environ["X"]', "missing"),
        ('X = os.getenv("X")', ""),
        ('X = os.getenv("X")\nif not X:\n    raise RuntimeError("X")', "raise"),
        ('X = os.getenv("X")\nif X is None:\n    print("X?")\n    sys.exit(2)', "exit"),
        ('X = os.getenv("X")\nif X:\n    print(X)', "test"),
        ('X = os.getenv("X") or sys.exit("X?")', "raise"),
        ('X = os.getenv("X")\nassert X', "raise"),
        ('X = os.getenv("X")\nY = 1\nif not all([X, Y]):\n    raise ValueError', "raise"),
        ('X = os.getenv("X")\nvalidate_url(X)', "validator"),
        ('if "X" in os.environ:\n    X = os.environ["X"]', "test"),
        ('try:\n    X = os.environ["X"]\nexcept KeyError:\n    X = None', "test"),
        ('try:\n    X = os.environ["X"]\nexcept KeyError:\n    sys.exit("X?")', "missing"),
        ('X = os.getenv("X")\nif connect(X):\n    print("connected")', ""),
    ],
)
def test_checks(body: str, check: str) -> None:
    found = [r for r in settings(f"import os, sys\n{body}\n").by_name("X") if r.how != "contains"]
    assert [r.check for r in found] == [check]
    assert found[0].required is (check == "missing")


def test_guarded_and_caught_reads_are_not_required() -> None:
    found = settings("import os\n\nhost = os.environ['X'] if os.environ.get('X') else None\n")
    assert [r.required for r in found] == [False, False]


@pytest.mark.parametrize(
    ("test", "required"),
    [
        ("'X' in os.environ and os.environ['X']", False),
        ("'Y' in os.environ and os.environ['X']", True),
        ("'X' not in os.environ or not os.environ['X']", False),
        ("os.environ['X'] and 'X' in os.environ", True),
    ],
)
def test_what_is_asked_before_a_read_in_the_same_test(test: str, required: bool) -> None:
    found = settings(f"import os\n\nif {test}:\n    print('on')\n").by_name("X")
    assert [r.required for r in found if r.how != "contains"] == [required]


@pytest.mark.parametrize(("arm", "required"), [("return None", False), ("raise SystemExit('X')", True), ("print('no X')", True)])
def test_a_read_behind_a_way_out(arm: str, required: bool) -> None:
    text = f"import os\n\n\ndef url():\n    if 'X' not in os.environ:\n        {arm}\n    return os.environ['X']\n\n\nurl()\n"
    assert [r.required for r in settings(text).by_name("X") if r.how != "contains"] == [required]


@pytest.mark.parametrize(("test", "required"), [("'X' not in os.environ", False), ("'X' in os.environ", True)])
def test_a_read_in_the_other_arm(test: str, required: bool) -> None:
    text = f"import os\n\nif {test}:\n    url = 'none'\nelse:\n    url = os.environ['X']\n"
    assert [r.required for r in settings(text).by_name("X") if r.how != "contains"] == [required]


def test_loop_over_names() -> None:
    found = settings(
        'import os\nfor name in ("A", "B"):\n    if not os.getenv(name):\n        raise SystemExit(name)\n'
    )
    assert [(r.name, r.check) for r in found] == [("A", "exit"), ("B", "exit")]


@pytest.mark.parametrize(
    ("name", "expression", "secret"),
    [
        ("DB_PASSWORD", 'os.environ["DB_PASSWORD"]', True),
        ("TOKEN_MAX_AGE", 'int(os.getenv("TOKEN_MAX_AGE", "60"))', False),
        ("PWD", 'os.getenv("PWD")', False),
        ("DB_HOST", 'os.environ["DB_HOST"]', False),
    ],
)
def test_secret_names(name: str, expression: str, secret: bool) -> None:
    assert read(f"import os\nvalue = {expression}\n", name).secret is secret


def test_default_that_is_another_setting() -> None:
    found = settings('import os\nSECRET = os.getenv("A_SECRET")\nOTHER = os.getenv("B_SECRET", SECRET)\n')
    assert found.by_name("B_SECRET")[0].default_setting == "A_SECRET"
    assert found.by_name("A_SECRET")[0].default_setting == ""


# ---------------------------------------------------------------- where the value goes


def test_flows() -> None:
    source = """
        import os, redis
        client = redis.Redis(host=os.environ["HOST"], port=os.environ.get("PORT"))
        url = f"http://{os.getenv('API')}/v1"
        config = {"key": os.getenv("KEY")}
        """
    found = settings(source)
    (host,) = found.by_name("HOST")
    assert [(f.kind, f.to, f.parameter) for f in host.flows] == [("argument", "redis.Redis", "host")]
    assert host.bound is None
    (api,) = found.by_name("API")
    assert [(f.kind, f.to) for f in api.flows] == [("text", "http://{?}/v1")]
    assert api.bound is not None and api.bound.name == "url"
    (key,) = found.by_name("KEY")
    assert key.bound is not None and (key.bound.kind, key.bound.name) == ("item", "key")


def test_uses_of_a_constant_in_other_modules() -> None:
    found = settings(
        config='import os\nAPI = os.environ["API"]\nOTHER = 1\n',
        direct="from config import API\nimport requests\n\ndef f():\n    requests.get(API, timeout=3)\n",
        dotted="import config\n\ndef g():\n    return f'{config.API}/x'\n",
        foreign="API = 'mine'\n\ndef h():\n    print(API)\n",
        shadow="from config import API\n\ndef k(API):\n    print(API)\n",
    )
    uses = found.uses(found.by_name("API")[0])
    assert [(u.function.path, u.line, u.flows[0].kind, u.flows[0].to) for u in uses] == [
        ("direct.py", 5, "argument", "requests.get"),
        ("dotted.py", 4, "text", "{?}/x"),
    ]


def test_uses_of_attributes_and_locals() -> None:
    found = settings(
        """
        import os

        class Client:
            def __init__(self):
                self.host = os.getenv("HOST")

            def call(self):
                connect(self.host)

        def f():
            port = os.getenv("PORT")
            listen(port)

        def g():
            port = 3
            listen(port)

        client = Client()
        print(client.host)
        """
    )
    assert sorted(u.line for u in found.uses(found.by_name("HOST")[0])) == [9, 20]
    assert [u.line for u in found.uses(found.by_name("PORT")[0])] == [13]


def test_flask_config_classes() -> None:
    found = settings(
        """
        import os
        from flask import current_app

        class Config:
            SECRET_KEY = os.environ.get("SECRET_KEY", "dev")

        def f():
            return current_app.config["SECRET_KEY"]
        """
    )
    (secret,) = found.by_name("SECRET_KEY")
    assert secret.default_text == "dev" and secret.bound is not None and secret.bound.kind == "attribute"
    assert [u.line for u in found.uses(secret)] == [9]


# ---------------------------------------------------------------- readers of the project


def test_wrappers_are_readers() -> None:
    found = settings(
        env="""
        import os

        def get(name, default=None):
            return os.environ.get(name, default)

        def get_int(name: str, default: int) -> int:
            return int(get(name, default))

        def need(name):
            value = os.environ.get(f"APP_{name}")
            if not value:
                raise RuntimeError(name)
            return value

        def choose(name, default=None):
            value = os.environ.get(name)
            if value is None:
                return default
            return value
        """,
        app="""
        from env import choose, get, get_int, need
        HOST = get("HOST", "localhost")
        TIMEOUT = get_int("TIMEOUT", 30)
        URL = need("URL")

        class Defaults:
            level = get("LEVEL")

        MODE = choose("MODE", "fast")
        """,
    )
    shown = {r.name: (r.path, r.line, r.default_text, r.conversion, r.required, r.check) for r in found}
    assert shown == {
        "HOST": ("app.py", 3, "localhost", "", False, ""),
        "TIMEOUT": ("app.py", 4, "30", "int", False, ""),
        "APP_URL": ("app.py", 5, None, "", True, "raise"),
        "LEVEL": ("app.py", 8, None, "", False, ""),
        "MODE": ("app.py", 10, "fast", "", False, ""),
    }
    assert found.by_name("HOST")[0].reader is function(found.links, "get", "env.py")
    assert {f.name for f in found.readers} == {"choose", "get", "get_int", "need"}


def test_a_wrapper_writes_the_name_large() -> None:
    found = settings(
        env="""
        import os

        def workers(kind, default):
            return int(os.environ.get("WORKERS_" + kind.upper(), default))

        def threads(kind):
            return workers(kind, 1)
        """,
        app="""
        from env import threads, workers
        WEB = workers("web", 4)
        MAIL = threads("mail")
        """,
    )
    assert {(r.name, r.default_text) for r in found} == {("WORKERS_MAIL", "1"), ("WORKERS_WEB", "4")}


def test_wrapper_that_raises_for_a_malformed_value_only() -> None:
    found = settings(
        """
        import os

        def number(key):
            text = os.environ.get(key)
            if text is None:
                return None
            if not text.isdigit():
                raise ValueError(key)
            return int(text)

        def needed(key):
            text = os.environ.get(key)
            if text is None:
                raise KeyError(key)
            return int(text)

        A = number("A")
        B = needed("B")
        """
    )
    assert [(r.name, r.required) for r in found] == [("A", False), ("B", True)]


def test_wrapper_with_a_switch_for_required() -> None:
    found = settings(
        """
        import os

        def get_list(key, required=False):
            value = os.environ.get(key)
            if required and value is None:
                raise ValueError(key)
            return value.split(",") if value else []

        A = get_list("A")
        B = get_list("B", required=True)
        """
    )
    assert [(r.name, r.required) for r in found] == [("A", False), ("B", True)]


@pytest.mark.parametrize("caller", ["", "f(object())\n", "import jobs\nf(jobs.first())\n"])
def test_names_with_an_unknown_part_cover_variables(caller: str) -> None:
    found = settings(f'import os\n\ndef f(job):\n    return os.environ["APP_" + job.name + "_URL"]\n\n{caller}')
    assert names(found) == ["APP_{?}_URL"]
    assert found.covering("APP_MAIL_URL") and not found.covering("APP_MAIL") and not found.covering("OTHER")


# ---------------------------------------------------------------- settings libraries


PYDANTIC = """
    from functools import lru_cache
    from typing import Literal
    from pydantic import BaseModel, Field, SecretStr, field_validator
    from pydantic_settings import BaseSettings, SettingsConfigDict

    class Database(BaseModel):
        host: str = "localhost"

    class Base(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="app_", env_nested_delimiter="__")
        debug: bool = False

    class Settings(Base):
        database_url: str
        key: str = Field(...)
        port: int = Field(8080, gt=0)
        token: SecretStr | None = None
        mode: Literal["a", "b"] = "a"
        region: str = Field(validation_alias="AWS_REGION")
        name: str = ""
        db: Database = Database()

        @field_validator("name")
        def check_name(cls, value): return value

    @lru_cache
    def get_settings():
        return Settings()

    def handler():
        return get_settings().port
    """


def test_pydantic_settings_are_read_where_they_are_made() -> None:
    found = settings(PYDANTIC)
    shown = {r.name: (r.required, r.default_text, r.conversion, r.check, r.secret) for r in found}
    assert shown == {
        "APP_DATABASE_URL": (True, None, "", "missing", False),
        "APP_KEY": (True, None, "", "missing", False),
        "APP_PORT": (False, "8080", "int", "validator", False),
        "APP_TOKEN": (False, None, "secret", "", True),
        "APP_MODE": (False, "a", "enum", "validator", False),
        "AWS_REGION": (True, None, "", "missing", False),
        "APP_NAME": (False, "", "", "validator", False),
        "APP_DB": (False, None, "Database", "type", False),
        "APP_DB__HOST": (False, "localhost", "", "", False),
        "APP_DEBUG": (False, "False", "bool", "type", False),
    }
    assert {r.function.name for r in found} == {"get_settings"} and {r.line for r in found} == {29}
    assert found.by_name("APP_PORT")[0].defined == ("app.py", 17)
    assert all(r.sure for r in found)


def test_pydantic_settings_that_nothing_makes() -> None:
    found = settings("from pydantic_settings import BaseSettings\n\nclass S(BaseSettings):\n    url: str\n")
    assert [(r.name, r.sure, r.line) for r in found] == [("URL", False, 3)]


def test_uses_of_a_settings_object() -> None:
    found = settings(
        config="""
        from pydantic_settings import BaseSettings

        class Settings(BaseSettings):
            url: str

        settings = Settings()
        """,
        app="from config import settings\n\ndef f():\n    connect(settings.url)\n",
    )
    assert [(u.function.path, u.line) for u in found.uses(found.by_name("URL")[0])] == [("app.py", 4)]


def test_default_factory_is_read_where_the_class_is_made() -> None:
    found = settings(
        """
        import os
        from dataclasses import dataclass, field

        @dataclass
        class Config:
            host: str = field(default_factory=lambda: os.environ["HOST"])
            port: str = os.getenv("PORT", "80")

        def main():
            return Config()
        """
    )
    (host,), (port,) = found.by_name("HOST"), found.by_name("PORT")
    assert (host.function.name, host.line, host.defined) == ("main", 11, ("app.py", 7))
    assert (port.function.is_module, port.line) == (True, 8)


@pytest.mark.parametrize(
    ("source", "name", "how", "required", "default", "conversion"),
    [
        ('from decouple import config\nx = config("X", cast=int)', "X", "decouple", True, None, "int"),
        ('from decouple import config\nx = config("X", default=5, cast=int)', "X", "decouple", False, "5", "int"),
        ('from environs import Env\nenv = Env()\nx = env.int("X", 5)', "X", "environs", False, "5", "int"),
        ('from environs import Env\nenv = Env()\nwith env.prefixed("APP_"):\n    x = env("X")', "APP_X", "environs", True, None, ""),
        ("import environ\nenv = environ.Env(X=(bool, False))\nx = env('X')", "X", "django-environ", False, "False", "bool"),
        ("import environ\nenv = environ.Env()\nx = env.db()", "DATABASE_URL", "django-environ", True, None, "url"),
        ("from starlette.config import Config\nc = Config('.env')\nx = c('X', cast=int, default=1)", "X", "starlette", False, "1", "int"),
        ("from dynaconf import Dynaconf\ns = Dynaconf(envvar_prefix='APP')\nx = s.PORT", "APP_PORT", "dynaconf", True, None, ""),
    ],
)  # fmt: skip
def test_libraries(source: str, name: str, how: str, required: bool, default: str | None, conversion: str) -> None:
    found = read(f"{source}\n", name)
    assert (found.how, found.required, found.default_text, found.conversion) == (how, required, default, conversion)


def test_command_line_options() -> None:
    found = settings(
        """
        import argparse, os, click, typer
        from typing import Annotated

        @click.command()
        @click.option("--port", envvar="PORT", type=int, default=80)
        def serve(port): ...

        def run(host: str = typer.Option(..., envvar="HOST"), n: Annotated[int, typer.Option(envvar="N")] = 3): ...

        parser = argparse.ArgumentParser()
        parser.add_argument("--rate", type=float, default=os.environ.get("RATE"))
        """
    )
    shown = {r.name: (r.how, r.function.name, r.conversion, r.default_text) for r in found}
    assert {r.name for r in found if r.required} == {"HOST"}
    assert shown == {
        "PORT": ("click", "serve", "int", "80"),
        "HOST": ("typer", "run", "", None),
        "N": ("typer", "run", "int", "3"),
        "RATE": ("environ.get", "<module>", "float", None),
    }


def test_files() -> None:
    found = settings(
        """
        import json, tomllib, yaml
        from dotenv import load_dotenv
        load_dotenv()

        def load():
            with open("/run/secrets/db_password") as f:
                password = f.read()
            with open("config.yaml") as f:
                config = yaml.safe_load(f)
            with open("rows.json") as f:
                rows = json.load(f)
            return config, rows, password
        """
    )
    assert [(r.name, r.how, r.source, r.secret) for r in found] == [
        (".env", "config-file", "file", False),
        ("/run/secrets/db_password", "secret-file", "file", True),
        ("config.yaml", "config-file", "file", False),
    ]


def test_look_ups() -> None:
    found = settings('import os\nA = os.getenv("A")\n\ndef f():\n    return os.getenv("B")\n')
    assert found.names == {"A", "B"}
    assert [r.name for r in found.reads_in(function(found.links))] == ["B"]
    assert find_settings(found.links) == found.reads
