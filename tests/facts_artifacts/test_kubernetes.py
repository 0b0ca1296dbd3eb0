"""Kubernetes objects, kustomizations and Helm templates."""

from __future__ import annotations

import pytest

from runtime_ops.facts.artifacts import HelmValues, KubernetesFile, Workload
from runtime_ops.facts.kubernetes import chart_folder, read_helm_values, read_kubernetes, with_values

SHOP = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 2
  template:
    metadata:
      labels: {app: web, tier: front}
    spec:
      terminationGracePeriodSeconds: 45
      initContainers:
        - name: wait
          image: busybox
          command: ["sh", "-c", "until wget -q db; do sleep 1; done"]
      containers:
        - name: app
          image: shop:1
          command:
            - gunicorn
            - --timeout
            - "30"
          args: [shop.wsgi]
          ports:
            - {name: http, containerPort: 8000}
          env:
            - name: LEVEL
              value: info
            - name: TOKEN
              valueFrom:
                secretKeyRef: {name: shop, key: token, optional: true}
          envFrom:
            - configMapRef: {name: settings}
          livenessProbe:
            httpGet: {path: /live, port: http}
            periodSeconds: 5
          readinessProbe:
            exec:
              command: [python, -m, shop.ready]
            timeoutSeconds: 2
            failureThreshold: 4
            initialDelaySeconds: 3
          startupProbe:
            grpc: {port: 8001, service: shop}
          lifecycle:
            preStop:
              exec:
                command: ["sh", "-c", "sleep 15 && kill -QUIT 1"]
          resources:
            requests: {cpu: 100m}
            limits: {memory: 1Gi}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports:
    - {port: 80, targetPort: http}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: front
  annotations:
    nginx.ingress.kubernetes.io/proxy-read-timeout: "120"
spec:
  rules:
    - http:
        paths:
          - backend: {service: {name: web, port: {number: 80}}}
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: settings}
    data: {URL: http://x}
  - apiVersion: v1
    kind: Secret
    metadata: {name: shop}
    data: {token: c2VjcmV0}
    stringData: {extra: CHANGEME}
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: nightly}
    spec:
      schedule: "0 3 * * *"
      concurrencyPolicy: Forbid
      jobTemplate:
        spec:
          backoffLimit: 2
          activeDeadlineSeconds: 600
          template:
            spec:
              restartPolicy: Never
              containers: [{name: job, image: shop, args: [nightly]}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {name: web}, minReplicas: 2, maxReplicas: 9}
"""


def read(text: str, path: str = "k8s/shop.yaml") -> KubernetesFile:
    made = read_kubernetes(path, text)
    assert made is not None
    return made


def web() -> Workload:
    return read(SHOP).workloads[0]


def test_workload_and_container() -> None:
    workload = web()
    assert (workload.kind, workload.line, workload.patch, workload.templated) == ("Deployment", 1, False, False)
    assert workload.name is not None and (workload.name.text, workload.name.line) == ("web", 4)
    assert workload.grace is not None and (workload.grace.seconds, workload.grace.line) == (45, 12)
    assert workload.replicas is not None and workload.replicas.number == 2
    assert [(label.name, label.value.text) for label in workload.labels] == [("app", "web"), ("tier", "front")]
    (app,) = workload.containers
    assert (app.line, app.end_line, app.init) == (18, 52, False)
    assert app.command is not None and app.command.argv == ("gunicorn", "--timeout", "30")
    assert app.command.word_lines == (21, 22, 23)
    assert app.args is not None and app.args.argv == ("shop.wsgi",)
    assert [(p.number.text, p.name) for p in app.ports] == [("8000", "http")]
    assert [(r.kind, r.name, r.value.text) for r in app.resources] == [
        ("request", "cpu", "100m"),
        ("limit", "memory", "1Gi"),
    ]


def test_init_containers_are_read_too() -> None:
    (wait,) = web().init_containers
    assert wait.init and wait.command is not None and wait.command.shell
    assert wait.command.parts[0].program == "wget" and wait.command.parts[0].loops[0].kind == "until"


def test_environment() -> None:
    app = web().containers[0]
    level, token = app.env
    assert level.value is not None and (level.value.text, level.line) == ("info", 28)
    assert (token.value, token.source, token.source_name, token.source_key, token.optional) == (
        None,
        "secretKeyRef",
        "shop",
        "token",
        True,
    )
    assert [(s.kind, s.name, s.templated) for s in app.env_from] == [("configMapRef", "settings", False)]


def test_probes() -> None:
    app = web().containers[0]
    live, ready, start = app.probes
    assert live.path is not None and live.port is not None and live.period is not None
    assert (live.role, live.method, live.path.text, live.port.text, live.line) == (
        "liveness",
        "http",
        "/live",
        "http",
        35,
    )
    assert live.timeout is None, "not written: the platform's default of one second is for the rules to know"
    assert ready.command is not None and ready.command.argv == ("python", "-m", "shop.ready")
    assert ready.timeout is not None and ready.failures is not None and ready.initial_delay is not None
    assert (ready.timeout.seconds, ready.failures.number, ready.initial_delay.seconds) == (2, 4, 3)
    assert start.service is not None and (start.method, start.service.text) == ("grpc", "shop")


def test_pre_stop_sleep() -> None:
    hook = web().containers[0].pre_stop
    assert hook is not None and (hook.method, hook.seconds, hook.line) == ("exec", 15, 47)
    native = read(
        SHOP.replace('exec:\n                command: ["sh", "-c", "sleep 15 && kill -QUIT 1"]', "sleep: {seconds: 7}")
    )
    hook = native.workloads[0].containers[0].pre_stop
    assert hook is not None and (hook.method, hook.seconds) == ("sleep", 7)


def test_objects_around_workloads() -> None:
    file = read(SHOP)
    (service,) = file.services
    assert [(s.name, s.value.text) for s in service.selector] == [("app", "web")]
    assert [(p.number.text, p.published.text if p.published else "") for p in service.ports] == [("http", "80")]
    (ingress,) = file.ingresses
    assert [b.text for b in ingress.backends] == ["web"] and ingress.annotations[0].value.seconds == 120
    settings, secret = file.key_values
    assert [(e.name, e.value.text if e.value else None) for e in settings.entries] == [("URL", "http://x")]
    assert [(e.name, e.value.text if e.value else None) for e in secret.entries] == [
        ("token", None),
        ("extra", "CHANGEME"),
    ]
    (scaler,) = file.autoscalers
    assert scaler.maximum is not None and scaler.maximum.number == 9


def test_cron_job() -> None:
    job = read(SHOP).workloads[1]
    assert job.kind == "CronJob" and job.schedule is not None and job.schedule.text == "0 3 * * *"
    assert job.backoff_limit is not None and job.active_deadline is not None and job.restart_policy is not None
    assert (job.backoff_limit.number, job.active_deadline.seconds, job.restart_policy.text) == (2, 600, "Never")
    assert job.containers[0].args is not None and job.containers[0].args.argv == ("nightly",)


def test_one_document_that_does_not_parse_takes_no_other_with_it() -> None:
    file = read(SHOP + "---\nkind: [\n---\napiVersion: v1\nkind: Pod\nspec: {containers: [{image: x}]}\n")
    assert [w.kind for w in file.workloads] == ["Deployment", "CronJob", "Pod"]
    assert len(file.unread) == 1 and file.unread[0].line == SHOP.count("\n") + 2


def test_objects_that_say_nothing() -> None:
    assert read_kubernetes("x.yaml", "\n---\n# nothing\n") is None


# ---------------------------------------------------------------- kustomize

OVERLAY = """\
resources: [../base, redis.yaml]
components:
  - ../tls
patches:
  - path: grace.yaml
  - target: {kind: Deployment, name: web}
    patch: |-
      - op: add
        path: /spec/template/spec/containers/0/env/-
        value: {name: BASE, value: /shop}
      - op: replace
        path: /spec/template/spec/containers/0/args
        value: [x]
patchesStrategicMerge:
  - |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: worker}
    spec:
      template:
        spec:
          containers:
            - name: app
              env:
                - {name: GONE, $patch: delete}
replicas:
  - {name: web, count: 5}
configMapGenerator:
  - name: settings
    literals: [A=1, B=2]
    envs: [more.env]
"""


def test_kustomization() -> None:
    file = read(OVERLAY, "k8s/overlays/prod/kustomization.yaml")
    assert file.kustomization is not None
    assert [v.text for v in file.kustomization.resources] == ["../base", "redis.yaml"]
    assert [v.text for v in file.kustomization.components] == ["../tls"]
    assert [v.text for v in file.kustomization.patches] == ["grace.yaml"]
    assert all(w.patch for w in file.workloads)
    worker, base, count = file.workloads
    assert worker.name is not None and (worker.name.text, worker.line) == ("worker", 16)
    assert worker.containers[0].env[0].source == "removed"
    assert base.name is not None and base.name.text == "web" and base.containers[0].env[0].name == "BASE"
    assert count.replicas is not None and count.replicas.number == 5
    (settings,) = file.key_values
    assert [e.name for e in settings.entries] == ["A", "B"] and settings.env_files[0].text == "more.env"
    assert [(u.line, "args" in u.reason) for u in file.unread] == [(11, True)]


def test_partial_object_in_a_file_of_its_own_is_a_patch() -> None:
    text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: app}]}}}\n"
    assert read(text).workloads[0].patch


# ---------------------------------------------------------------- Helm

CHART = """\
{{- /*
A comment: with a colon
over lines
*/ -}}
{{- define "shop.side" }}
- not: part of this
{{- end }}
{{- if .Values.web.enabled }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "shop.name" . }}-web
  labels:
    {{- include "shop.labels" . | nindent 4 }}
    app: web
spec:
  replicas: {{ .Values.web.replicas | default 3 }}
  template:
    spec:
      {{- with .Values.web.grace }}
      terminationGracePeriodSeconds: {{ . }}
      {{- end }}
      containers:
        - name: app
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
          {{- if .Values.web.command }}
          command: {{ .Values.web.command | toJson }}
          {{- else }}
          command: [gunicorn, shop]
          {{- end }}
          args:
            - --workers={{ .Values.web.workers | default 4 | int }}
            - {{ .Values.web.level | quote }}
          env:
            - name: MODE
              value: {{ if .Values.debug }}debug{{ else }}prod{{ end }}
            {{- range .Values.web.env }}
            - name: {{ .name }}
              value: {{ .value | quote }}
            {{- end }}
            {{- toYaml .Values.web.extraEnv | nindent 12 }}
          livenessProbe:
            {{- toYaml .Values.web.liveness | nindent 12 }}
          readinessProbe:
            httpGet:
              path: {{ .Values.web.path }}/ready
              port: {{ $.Values.port }}
          resources: {{- toYaml .Values.web.resources | nindent 12 }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
"""
VALUES = """\
image: {repository: shop, tag: "1.2"}
port: 8000
web:
  replicas: 0
  grace: 50
  workers:
  level: info
  path: /api
  extraEnv:
    - {name: EXTRA, value: "1"}
  liveness:
    httpGet: {path: /live, port: 8000}
    timeoutSeconds: 4
  resources:
    limits: {cpu: "1"}
"""
TEMPLATE = "charts/shop/templates/web.yaml"


def chart(values: str | None) -> Workload:
    file = read(CHART, TEMPLATE)
    assert file.unread == ()
    if values is not None:
        made = read_helm_values("charts/shop/values.yaml", values)
        assert isinstance(made, HelmValues)
        file = with_values(file, made)
        assert file.unread == ()
    (workload,) = file.workloads
    return workload


def test_template_without_values_keeps_lines_and_marks() -> None:
    workload = chart(None)
    assert workload.line == 9 and workload.replicas is not None
    assert (workload.replicas.line, workload.replicas.templated) == (17, True)
    assert workload.replicas.text == "{{ .Values.web.replicas | default 3 }}"
    (app,) = workload.containers
    assert app.image is not None and app.image.templated
    assert app.liveness is not None and (app.liveness.method, app.liveness.templated, app.liveness.line) == (
        "template",
        True,
        42,
    )
    assert app.readiness is not None and app.readiness.path is not None
    assert (app.readiness.method, app.readiness.path.templated, app.readiness.path.line) == ("http", True, 46)
    assert [source.kind for source in app.env_from] == ["template"]
    assert app.command is not None and app.command.templated, "two branches write it"


def test_values_fill_in_what_they_say() -> None:
    workload = chart(VALUES)
    assert workload.replicas is not None and (workload.replicas.text, workload.replicas.templated) == ("3", False)
    assert workload.grace is not None and (workload.grace.text, workload.grace.line) == ("50", 21)
    (app,) = workload.containers
    assert app.image is not None and (app.image.text, app.image.templated) == ("shop:1.2", False)
    assert app.args is not None and app.args.argv == ("--workers=4", "info") and not app.args.templated
    assert app.liveness is not None and app.liveness.path is not None and app.liveness.timeout is not None
    assert (app.liveness.path.text, app.liveness.timeout.seconds) == ("/live", 4)
    assert app.readiness is not None and app.readiness.path is not None and app.readiness.port is not None
    assert (app.readiness.path.text, app.readiness.port.text) == ("/api/ready", "8000")
    assert [(r.name, r.value.text) for r in app.resources] == [("cpu", "1")]
    by_name = {v.name: v for v in app.env}
    assert by_name["EXTRA"].line == 41
    mode = by_name["MODE"].value
    assert mode is not None and mode.templated, "two branches within a line"


@pytest.mark.parametrize(("values", "image"), [("web: {image: }", "hub/web:1"), ("web: {image: own/web:2}", "own/web:2")])
def test_of_two_branches_the_one_that_writes_something(values: str, image: str) -> None:
    own, other = "image: {{ .Values.web.image }}", "image: {{ .Values.hub }}/web:1"
    branches = f"{{{{- if .Values.web.image }}}}\n      {own}\n      {{{{- else }}}}\n      {other}\n      {{{{- end }}}}"
    text = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n    - name: web\n      {branches}\n"
    made = read_helm_values("charts/shop/values.yaml", f"hub: hub\n{values}\n")
    assert isinstance(made, HelmValues)
    (workload,) = with_values(read(text, TEMPLATE), made).workloads
    (container,) = workload.containers
    assert container.image is not None and container.image.text == image


def test_name_stays_unresolved() -> None:
    name = chart(VALUES).name
    assert name is not None and name.templated and name.text == '{{ include "shop.name" . }}-web'


def test_text_of_block_scalars_is_left_alone() -> None:
    text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  run.sh: |\n    a\n    {{- include "b" . | nindent 4 }}\n    c\n'
    (entry,) = read(text, TEMPLATE).key_values[0].entries
    assert entry.value is not None and entry.value.text.split("\n")[2] == "c"


def test_object_that_another_template_writes_is_unread() -> None:
    file = read('{{- include "library.deployment" . }}\n', TEMPLATE)
    assert file.workloads == () and "library.deployment" in file.unread[0].reason


def test_a_line_that_breaks_a_template_is_left_out_and_told() -> None:
    file = read(CHART.replace("  template:\n", "  template:\n   bad: {{ x }}\n", 1), TEMPLATE)
    assert file.workloads and file.unread[0].line in (19, 20)


def test_jinja() -> None:
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ name }}\nspec:\n  containers:\n"
        "    {% for c in all %}\n    - image: x\n    {% endfor %}\n"
    )
    assert len(read(text).workloads[0].containers) == 1


def test_flat_values() -> None:
    made = read_helm_values("values.yaml", VALUES)
    assert made is not None
    found = {setting.name: (setting.value.text, setting.line) for setting in made.values}
    assert found["web.extraEnv.0.name"] == ("EXTRA", 10) and found["image.tag"] == ("1.2", 1)
    assert "web.workers" not in found


def test_chart_folder() -> None:
    assert chart_folder(TEMPLATE) == "charts/shop" and chart_folder("templates/a.yaml") == ""
    assert chart_folder("k8s/a.yaml") is None


def test_what_only_defines_a_kind_is_not_parsed() -> None:
    crd = 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "shops.example}\n'  # it would not parse
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 80}]}\n"
    file = read_kubernetes("install.yaml", f"{crd}---\n{service}")
    assert file is not None and [s.name.text for s in file.services if s.name is not None] == ["shop"] and not file.unread
