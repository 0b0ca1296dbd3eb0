"""Launches by images: Dockerfiles, compose services, Kubernetes workloads, charts."""

from __future__ import annotations

import pytest
from project.made_repository import APP, launches, only, places, values

DOCKERFILE = """
    FROM python:3.12-slim
    WORKDIR /srv
    COPY shop/ /srv/shop/
    ENV LOG_LEVEL=info
    STOPSIGNAL SIGINT
    HEALTHCHECK CMD curl -f http://localhost:8000/health
    CMD ["gunicorn", "-w4", "--timeout=60", "-b", "0.0.0.0:8000", "--preload", "shop.wsgi:app"]
"""
SHOP = {"Dockerfile": DOCKERFILE, "shop/__init__.py": "", "shop/wsgi.py": APP}


def test_exec_form_command_is_process_one() -> None:
    launch = only(SHOP)
    assert (launch.platform, launch.program, launch.server) == ("dockerfile", "gunicorn", "gunicorn")
    assert (launch.target.kind, launch.target.path, launch.target.attribute) == ("app", "shop/wsgi.py", "app")
    assert values(launch) == {"workers": "4", "timeout": "60", "bind": "0.0.0.0:8000", "preload_app": None}
    assert launch.options["timeout"].line == 7
    assert (launch.shell, launch.pid1, launch.init, launch.supervisor) == ("none", True, None, None)
    assert launch.stop_signal is not None and launch.stop_signal.text == "SIGINT"
    assert [probe.role for probe, _ in launch.probes] == ["health"]
    assert launch.env["LOG_LEVEL"][1] == "Dockerfile"
    assert places(launch) == ["Dockerfile:7"]


@pytest.mark.parametrize(
    ("base", "command", "shell", "pid1"),
    [
        ("python:3.12-slim", "CMD python main.py", "parent", False),
        ("python:3.12-alpine", "CMD python main.py", "unknown", False),
        ("registry.access.redhat.com/ubi9/ubi", "CMD python main.py", "exec", True),
        ("python:3.12-slim", "CMD exec python main.py", "exec", True),
        ("python:3.12-slim", 'SHELL ["/bin/bash", "-c"]\nCMD python main.py', "exec", True),
        ("python:3.12-slim", 'CMD ["sh", "-c", "cd /srv && exec python main.py"]', "exec", True),
        ("python:3.12-slim", 'CMD ["sh", "-c", "python check.py && python main.py"]', "parent", False),
        ("python:3.12-slim", 'CMD ["bash", "-c", "python main.py"]', "exec", True),
        ("python:3.12-slim", 'ENTRYPOINT ["tini", "--"]\nCMD ["python", "main.py"]', "none", False),
        ("company.example/base:1", 'CMD ["python", "main.py"]', "none", False),
        ("company.example/base:1", 'ENTRYPOINT ["python", "main.py"]', "none", True),
    ],
)
def test_who_gets_the_signal(base: str, command: str, shell: str, pid1: bool) -> None:
    dockerfile = "FROM " + base + "\nWORKDIR /srv\nCOPY . .\n" + command + "\n"
    launch = only({"Dockerfile": dockerfile, "main.py": "", "check.py": ""}, role="main")
    assert (launch.target.path, launch.shell, launch.pid1) == ("main.py", shell, pid1)
    assert (launch.init is True) == ("tini" in command)
    assert (launch.shell_link is not None) == (shell in ("parent", "unknown"))


def test_entrypoint_and_cmd_are_joined_and_shell_form_takes_no_arguments() -> None:
    joined = {"Dockerfile": 'FROM python:3\nCOPY . /\nENTRYPOINT ["python"]\nCMD ["job.py", "--all"]\n', "job.py": ""}
    launch = only(joined)
    assert (launch.argv, launch.target.path) == (("python", "job.py", "--all"), "job.py")
    shell = {"Dockerfile": 'FROM python:3\nCOPY . /\nENTRYPOINT python job.py\nCMD ["--all"]\n', "job.py": ""}
    assert only(shell).argv == ("python", "job.py")


@pytest.mark.parametrize(("entrypoint", "started"), [("/app/entrypoint.sh", True), ("/app/report", False)])
def test_entry_script_that_is_not_in_the_repository_runs_its_arguments(entrypoint: str, started: bool) -> None:
    dockerfile = f'FROM python:3\nCOPY . /app\nENTRYPOINT ["{entrypoint}"]\nCMD ["gunicorn", "shop.wsgi:app"]\n'
    found = launches({"Dockerfile": dockerfile, "shop/__init__.py": "", "shop/wsgi.py": APP})
    assert [(x.server, x.target.path, x.pid1) for x in found if x.server] == [("gunicorn", "shop/wsgi.py", False)] * started


def test_distroless_image_brings_its_interpreter() -> None:
    launch = only(
        {"Dockerfile": 'FROM gcr.io/distroless/python3\nCOPY . /app\nWORKDIR /app\nCMD ["serve.py"]\n', "serve.py": ""}
    )
    assert (launch.argv, launch.target.path) == (("python3", "serve.py"), "serve.py")


def test_files_are_found_through_copies_of_stages_and_contexts() -> None:
    dockerfile = """
        FROM python:3.12 AS builder
        WORKDIR /build
        COPY services/mail/src/ ./code/
        FROM python:3.12-slim
        COPY --from=builder /build/code /app
        WORKDIR /app
        CMD ["python", "-m", "mail.server"]
    """
    files = {"services/mail/Dockerfile": dockerfile, "services/mail/src/mail/server.py": "", "other/mail/server.py": ""}
    assert only(files).target.path == "services/mail/src/mail/server.py"


def test_last_stage_for_tests_does_not_hide_the_one_for_production() -> None:
    dockerfile = """
        FROM python:3.12-slim AS production
        COPY . /
        CMD ["python", "serve.py"]
        FROM production AS test
        CMD ["python", "-m", "pytest"]
    """
    found = launches({"Dockerfile": dockerfile, "serve.py": ""})
    assert [(x.target.path, x.development) for x in found] == [("serve.py", False), (None, True)]


# ---------------------------------------------------------------- compose


def test_compose_overrides_what_the_image_says() -> None:
    compose = """
        services:
          web:
            build: .
            stop_grace_period: 1m
            init: true
            environment:
              LOG_LEVEL: debug
            deploy:
              replicas: 3
          worker:
            build: .
            command: celery -A shop.tasks worker -c 8 --loglevel info
            stop_signal: SIGQUIT
            healthcheck:
              disable: true
          migrate:
            build: .
            command: ["python", "-m", "shop.migrate"]
          api:
            image: postgres:16
            depends_on:
              migrate: {condition: service_completed_successfully}
    """
    files = {**SHOP, "compose.yaml": compose, "shop/tasks.py": APP, "shop/migrate.py": ""}
    web = only(files, platform="compose", server="gunicorn")
    assert places(web) == ["compose.yaml:2", "Dockerfile:7"]
    assert web.grace is not None and web.grace.seconds == 60
    assert (web.init, web.pid1, web.replicas) == (True, False, 3)
    assert web.env["LOG_LEVEL"][0].value is not None and web.env["LOG_LEVEL"][0].value.text == "debug"
    assert [probe.role for probe, _ in web.probes] == ["health"]
    assert not web.development
    worker = only(files, platform="compose", server="celery")
    assert (worker.target.path, worker.target.attribute) == ("shop/tasks.py", "app")
    assert values(worker) == {"app": "shop.tasks", "concurrency": "8", "loglevel": "info"}
    assert worker.stop_signal is not None and worker.stop_signal.text == "SIGQUIT"
    assert worker.probes == ()
    assert only(files, platform="compose", program="python").role == "init"


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("docker-compose.dev.yml", ""),
        ("docker-compose.yml", "volumes: ['.:/srv']"),
        ("docker-compose.yml", "command: gunicorn --reload shop.wsgi:app"),
        ("docker-compose.yml", "command: watchmedo auto-restart -d . -- gunicorn shop.wsgi:app"),
        ("docker-compose.yml", "profiles: [test]"),
    ],
)
def test_compose_for_development(name: str, extra: str) -> None:
    compose = f"services:\n  web:\n    build: .\n    {extra}\n"
    assert only({**SHOP, name: compose}, platform="compose").development
    assert not only({**SHOP, name: compose}, platform="dockerfile").development


@pytest.mark.parametrize(
    ("comment", "development"),
    [
        ("# Never use this in a production environment.\n", True),
        ("# All services of the shop,\n# for development only.\n", True),
        ("# The shop in production.\n", False),
        ("", False),
    ],
)
def test_what_the_comment_above_the_services_says(comment: str, development: bool) -> None:
    compose = f"version: '3'\n{comment}services:\n  web:\n    build: .\n    # never use this in production: see web2\n"
    assert only({**SHOP, "docker-compose.yml": compose}, platform="compose").development is development


@pytest.mark.parametrize(("folder", "development"), [("models", False), ("shop", True)])
def test_mounted_folder_is_source_where_it_is_a_package(folder: str, development: bool) -> None:
    compose = f"services:\n  web:\n    build: .\n    volumes: ['./{folder}:/srv/{folder}']\n"
    files = {**SHOP, "models/manage.py": "", "docker-compose.yml": compose}
    assert only(files, platform="compose").development is development


def test_reloader_of_an_image_is_no_development() -> None:
    files = {"Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["uvicorn", "--reload", "web:app"]\n', "web.py": APP}
    launch = only(files)
    assert (launch.development, values(launch)) == (False, {"reload": None})


def test_environment_files_and_what_is_not_in_the_repository() -> None:
    compose = """
        services:
          web: {build: ., env_file: web.env}
          other: {build: ., env_file: secret.env}
    """
    files = {**SHOP, "compose.yaml": compose, "web.env": "WEB_CONCURRENCY=6\n"}
    web, other = (x for x in launches(files) if x.platform == "compose")
    assert (web.env_open, other.env_open) == (False, True)
    assert web.env["WEB_CONCURRENCY"][1] == "web.env"


def test_build_paths_come_from_the_dotenv_file() -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    build: {context: ., dockerfile: '${WEB_DOCKERFILE}'}\n",
        ".env": "WEB_DOCKERFILE=docker/web.Dockerfile\n",
        "docker/web.Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["python", "serve.py"]\n',
        "serve.py": "",
    }
    assert only(files, platform="compose").target.path == "serve.py"


# ---------------------------------------------------------------- Kubernetes


DEPLOYMENT = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 2
      template:
        spec:
          terminationGracePeriodSeconds: 45
          initContainers:
            - name: migrate
              image: IMAGE
              command: ["python", "-m", "shop.migrate"]
          containers:
            - name: web
              image: IMAGE
              ENVIRONMENT
              readinessProbe: {httpGet: {path: /ready, port: 8000}}
              livenessProbe: {exec: {command: ["python", "-m", "shop.alive"]}}
"""


def deployment(image: str, environment: str = "env: []") -> str:
    return DEPLOYMENT.replace("IMAGE", image).replace("ENVIRONMENT", environment)


def test_kubernetes_containers() -> None:
    files = {
        **SHOP,
        "pyproject.toml": "[project]\nname = 'shop'\n",
        "k8s/web.yaml": deployment("registry.example/team/shop:1.2@sha256:0"),
        "shop/migrate.py": "",
        "shop/alive.py": "",
    }
    web = only(files, platform="kubernetes", role="main")
    assert (web.target.path, web.replicas, web.pid1) == ("shop/wsgi.py", 2, True)
    assert web.grace is not None and web.grace.seconds == 45
    assert [(probe.role, probe.method) for probe, _ in web.probes] == [("liveness", "exec"), ("readiness", "http")]
    assert places(web) == ["k8s/web.yaml:14", "Dockerfile:7"]
    assert web.stop_signal is not None and web.stop_signal.text == "SIGINT"
    assert only(files, platform="kubernetes", role="init").target.path == "shop/migrate.py"
    assert only(files, platform="kubernetes", role="probe").target.path == "shop/alive.py"


def test_command_takes_the_cmd_away_and_args_do_not_take_the_entrypoint_away() -> None:
    dockerfile = 'FROM python:3\nCOPY . /\nENTRYPOINT ["python"]\nCMD ["web.py"]\n'
    manifest = """
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: shop}
        spec:
          schedule: "0 * * * *"
          jobTemplate:
            spec:
              template:
                spec:
                  containers:
                    - {name: one, image: shop, command: ["python", "nightly.py"]}
                    - {name: two, image: shop, args: ["weekly.py", "$(MODE)"], env: [{name: MODE, value: all}]}
    """
    files = {
        "shop/Dockerfile": dockerfile,
        "k8s/cron.yaml": manifest,
        **dict.fromkeys(("shop/web.py", "shop/nightly.py", "shop/weekly.py"), ""),
    }
    found = [(x.argv, x.target.path, x.role) for x in launches(files) if x.platform == "kubernetes"]
    assert found == [
        (("python", "nightly.py"), "shop/nightly.py", "job"),
        (("python", "weekly.py", "all"), "shop/weekly.py", "job"),
    ]


@pytest.mark.parametrize(
    ("base", "file", "copied", "given", "started"),
    [
        ("tiangolo/uvicorn-gunicorn-fastapi:python3.11", "app/main.py", "./app /app/app", "", ("gunicorn", "app/main.py")),
        ("tiangolo/uvicorn-gunicorn:python3.11", "app/main.py", "./app /app", "", ("gunicorn", "app/main.py")),
        ("tiangolo/uvicorn-gunicorn:python3.11", "app/main.py", "./app .", "", ("gunicorn", "app/main.py")),
        ("tiangolo/uvicorn-gunicorn:python3.11", "shop/api.py", ". /app", "ENV MODULE_NAME=shop.api", ("gunicorn", "shop/api.py")),
        ("tiangolo/meinheld-gunicorn-flask", "main.py", ". /app", "", ("gunicorn", "main.py")),
        ("tiangolo/uwsgi-nginx-flask:python3.11", "app/main.py", "./app /app", "", ("uwsgi", "app/main.py")),
        ("company.example/uvicorn-gunicorn:1", "app/main.py", "./app /app", "", None),
        ("tiangolo/uvicorn-gunicorn:python3.11", "app/main.py", "./app /app", 'CMD ["python", "main.py"]', ("python", "app/main.py")),
        ("tiangolo/uvicorn-gunicorn:python3.11", "web/other.py", "./web /app", "", None),
    ],
)
def test_base_images_that_start_what_is_copied_into_them(
    base: str, file: str, copied: str, given: str, started: tuple[str, str] | None
) -> None:
    files = {"Dockerfile": f"FROM {base}\nCOPY {copied}\n{given}\n", file: APP}
    assert [(x.argv[0], x.target.path) for x in launches(files)] == ([started] if started else [])


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (("team/store_web", "team/store_worker"), "web/main.py"),
        (("team/store-web", "team/store-worker"), "web/main.py"),
        (("team/store_web", "team/other_worker"), None),
        (("team/store_web", "team/store_mailer"), None),  # one of a family alone
    ],
)
def test_images_of_one_family_are_named_for_the_folders_they_are_built_in(names: tuple[str, str], path: str | None) -> None:
    own = 'FROM python:3.12\nCOPY . /srv\nWORKDIR /srv\nCMD ["python", "main.py"]\n'
    files = {f"{folder}/{name}": text for folder in ("web", "worker") for name, text in (("Dockerfile", own), ("main.py", APP))}
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {0}}}\nspec: {{containers: [{{name: {0}, image: 'hub.example/{1}:2'}}]}}\n"
    files |= {f"k8s/{name.replace('/', '-')}.yaml": pod.format(name[-3:], name) for name in names}
    found = {x.target.path for x in launches(files) if x.platform == "kubernetes" and "web" in x.chain[0].path}
    assert found == ({path} if path else set())


@pytest.mark.parametrize(("image", "known"), [("team/shop-mailer:1", True), ("team/shop-mailer-main", True), ("team/mailer", False)])
def test_image_is_named_for_the_package_that_it_starts(image: str, known: bool) -> None:
    own = 'FROM python:3.12\nWORKDIR /srv\nCOPY . .\nCMD ["python", "-u", "-m", "shop.mailer.main"]\n'
    files = {"build/image.Dockerfile": own, "docs.Dockerfile": "FROM python:3.12\n", "shop/__init__.py": "", "shop/mailer/__init__.py": "",
             "shop/mailer/main.py": APP, "k8s/mailer.yaml": deployment(image)}  # fmt: skip
    found = {x.target.path for x in launches(files) if x.platform == "kubernetes" and x.role == "main"}
    assert found == ({"shop/mailer/main.py"} if known else set())


def test_image_that_nothing_builds_has_no_dockerfile() -> None:
    files = {**SHOP, "k8s/web.yaml": deployment("registry.example/billing:1")}
    found = [x for x in launches(files) if x.platform == "kubernetes"]
    assert [(x.role, x.target.path) for x in found] == [("init", None)]


def test_config_maps_fill_the_environment_and_missing_secrets_leave_it_open() -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {WEB_CONCURRENCY: '5'}\n"
    files = {
        "web/Dockerfile": DOCKERFILE, "web/shop/wsgi.py": APP, "k8s/config.yaml": config,
        "k8s/a.yaml": deployment("x/web", "envFrom: [{configMapRef: {name: web}}]"),
        "k8s/b.yaml": deployment("x/web", "envFrom: [{secretRef: {name: web}}]"),
    }  # fmt: skip
    first, second = (x for x in launches(files) if x.platform == "kubernetes" and x.role == "main")
    assert (first.env_open, second.env_open) == (False, True)
    assert first.env["WEB_CONCURRENCY"][1] == "k8s/config.yaml"


def test_helm_template_is_read_with_the_values_of_its_chart() -> None:
    template = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: mail}
        spec:
          template:
            spec:
              terminationGracePeriodSeconds: {{ .Values.grace }}
              containers:
                - name: mail
                  image: "{{ .Values.repository }}/mail:{{ .Values.tag }}"
                  args: ["python", "serve.py", "{{ .Values.unknown }}"]
    """
    files = {
        "chart/templates/mail.yaml": template,
        "chart/values.yaml": "grace: 7\nrepository: registry.example/shop\n",
        "src/mail/Dockerfile": 'FROM python:3\nCOPY . /app\nWORKDIR /app\nCMD ["python", "serve.py"]\n',
        "src/mail/serve.py": "",
    }
    launch = only(files, platform="kubernetes")
    assert launch.target.path == "src/mail/serve.py"
    assert launch.grace is not None and launch.grace.seconds == 7


@pytest.mark.parametrize(
    ("folder", "chart", "count"),
    [("templates", "Chart.yaml", 1), ("templates_disabled", "Chart.yaml", 0), ("manifests", "README.md", 1)],
)
def test_only_the_templates_of_a_chart_are_rendered(folder: str, chart: str, count: int) -> None:
    image = "{{ .Values.registry }}/web"
    files = {**SHOP, f"chart/{chart}": "name: shop\n", f"chart/{folder}/web.yaml": deployment(image)}
    assert len([x for x in launches(files) if x.platform == "kubernetes"]) == count


@pytest.mark.parametrize(("image", "path"), [("x/web:1", "shop/wsgi.py"), ("x/web:migration", "move.py"), ("x/other:migration", None)])
def test_a_tag_may_name_the_folder_of_another_image(image: str, path: str | None) -> None:
    files = {
        "web/Dockerfile": DOCKERFILE, "web/shop/wsgi.py": APP, "k8s/web.yaml": deployment(image),
        "bin/migration/Dockerfile": 'FROM python:3\nWORKDIR /app\nCOPY . /app\nCMD ["python", "move.py"]\n', "bin/migration/move.py": "",
    }  # fmt: skip
    found = [x.target.path or "" for x in launches(files) if x.platform == "kubernetes" and x.role == "main"]
    assert [x.endswith(path) for x in found] == [True] if path else not any(found)


def test_patches_start_nothing_and_leave_the_environment_open() -> None:
    patch = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec: {template: {spec: {containers: [{name: web, env: [{name: MODE, value: all}]}]}}}
    """
    files = {
        "web/Dockerfile": DOCKERFILE,
        "web/shop/wsgi.py": APP,
        "k8s/web.yaml": deployment("x/web"),
        "k8s/patch.yaml": patch,
    }
    assert only(files, platform="kubernetes", role="main").env_open


def test_patch_that_gives_the_command_says_what_is_started() -> None:
    base = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: jobs}
spec:
  template:
    spec:
      containers:
        - name: jobs
          image: shop
          livenessProbe: {exec: {command: [test, -e, /tmp/alive]}}
      initContainers:
        - name: migrate
          image: shop
          command: [python, migrate.py]
"""
    patch = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: jobs}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 90
      containers:
        - name: jobs
          command: [celery, -A, shop, worker]
"""
    files = {
        "k8s/base/jobs.yaml": base,
        "k8s/base/kustomization.yaml": "resources: [jobs.yaml]\n",
        "k8s/prod/jobs.yaml": patch,
        "k8s/prod/kustomization.yaml": "resources: [../base]\npatches:\n  - path: jobs.yaml\n",
        "shop.py": "from celery import Celery\napp = Celery('shop')\n",
        "migrate.py": "print('migrated')\n",
        "Dockerfile": "FROM python:3.12\nCOPY . .\nCMD [\"gunicorn\", \"shop:app\"]\n",
    }
    found = [x for x in launches(files) if x.platform == "kubernetes" and x.role == "main"]
    assert [(x.path, x.target.path) for x in launches(files) if x.role == "init"] == [("k8s/prod/jobs.yaml", "migrate.py")]
    assert [(x.path, x.program) for x in found] == [("k8s/prod/jobs.yaml", "celery")]
    assert found[0].grace is not None and found[0].grace.seconds == 90
    assert [p.role for p, path in found[0].probes if path == "k8s/prod/jobs.yaml" and p.line <= patch.count("\n")] == ["liveness"]


@pytest.mark.parametrize(
    ("copied", "command", "path"),
    [
        ("COPY sync.py /usr/local/bin/sync-shop", '["sync-shop", "-h"]', "sync.py"),
        ("COPY sync.py /usr/local/bin/", '["sync.py"]', "sync.py"),
        ("COPY sync.py /srv/sync-shop", '["sync-shop"]', None),
        ("COPY sync.py /usr/local/bin/gunicorn", '["gunicorn", "shop.wsgi:app"]', None),
        ("COPY other.sh /usr/local/bin/sync-shop", '["sync-shop"]', None),
    ],
)
def test_python_file_that_a_container_has_under_a_bare_name(copied: str, command: str, path: str | None) -> None:
    files = {"Dockerfile": f"FROM python:3.12\n{copied}\nCMD {command}\n", "sync.py": "print('a')\n", "other.sh": "exec true\n"}
    assert {launch.target.path for launch in launches(files)} == ({path} if "other" not in copied else set())
