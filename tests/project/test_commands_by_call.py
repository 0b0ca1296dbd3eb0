"""Commands that are registered by a call, and programs whose files end otherwise."""

from __future__ import annotations

from pathlib import Path

from project.made_repository import written

from runtime_ops.project.entrypoints import Entrypoint

CLI = 'import typer\nfrom shop.serve import serve\napp = typer.Typer()\napp.command("up")(serve)\ndef main():\n    app()\n'
SERVE = "import uvicorn\nfrom shop.web import app\ndef serve():\n    uvicorn.run(app)\n"
WEB = "from fastapi import FastAPI\napp = FastAPI()\n"
PACKAGE = '[project]\nname = "shop"\nversion = "1"\n[project.scripts]\nshop = "shop.cli:main"\n'


def entrypoints(root: Path, files: dict[str, str]) -> dict[str, Entrypoint]:
    return {e.path: e for e in written(root, files).entrypoints}


def test_command_that_serves_is_registered_by_a_call(tmp_path: Path) -> None:
    found = entrypoints(
        tmp_path,
        {
            "shop/__init__.py": "", "shop/cli.py": CLI, "shop/serve.py": SERVE, "shop/web.py": WEB, "pyproject.toml": PACKAGE,
            "Dockerfile": 'FROM python:3.12\nCOPY . /app\nRUN pip install /app\nENTRYPOINT ["shop"]\nCMD ["up"]\n',
        },
    )  # fmt: skip
    served = found["shop/serve.py"]
    assert served.kind == "service" and [x.platform for x in served.production] == ["dockerfile"]


def test_application_for_apache_is_an_entrypoint(tmp_path: Path) -> None:
    code = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    found = entrypoints(tmp_path, {"shop.wsgi": code})
    assert [(e.path, e.kind) for e in found.values()] == [("shop.wsgi", "service")]
