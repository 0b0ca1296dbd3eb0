"""Artifacts that other artifacts fill in: Helm templates with their chart's values, ConfigMaps, environment files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from runtime_ops.facts import artifacts as a
from runtime_ops.facts.kubernetes import chart_folder, read_kubernetes
from runtime_ops.facts.yaml_nodes import Node, YamlProblem, parse_document
from runtime_ops.project.layout import join
from runtime_ops.project.variables import Variables


def with_chart_values(artifacts: Iterable[a.Artifact]) -> tuple[a.Artifact, ...]:
    """The artifacts with each Helm template read again with the values of its chart."""
    listed = tuple(artifacts)
    values = {x.path: x for x in listed if isinstance(x, a.HelmValues)}
    roots: dict[str, Node | None] = {}
    made: list[a.Artifact] = []
    for artifact in listed:
        if isinstance(artifact, a.KubernetesFile) and artifact.template_source is not None:
            folder = chart_folder(artifact.path)
            if folder is not None:
                if folder not in roots:
                    found = values.get(join(folder, "values.yaml")) or values.get(join(folder, "values.yml"))
                    roots[folder] = _root(found) if found is not None else None
                root = roots[folder]
                if root is not None:
                    artifact = read_kubernetes(artifact.path, artifact.template_source, root) or artifact
        made.append(artifact)
    return tuple(made)


def rendered(artifacts: Iterable[a.Artifact], files: Collection[str]) -> tuple[a.Artifact, ...]:
    """The artifacts without Helm templates that lie in a chart but not in its ``templates/``: Helm renders those alone
    (``templates_disabled/``)."""
    charts = {path.rpartition("/")[0] for path in files if path.rpartition("/")[2] == "Chart.yaml"}
    return tuple(x for x in artifacts if not _left_out(x, charts))


def _left_out(artifact: a.Artifact, charts: Collection[str]) -> bool:
    if not isinstance(artifact, a.KubernetesFile) or artifact.template_source is None or chart_folder(artifact.path) is not None:
        return False
    folder = artifact.path.rpartition("/")[0]
    while folder and folder not in charts:
        folder = folder.rpartition("/")[0]
    return folder in charts


def _root(values: a.HelmValues) -> Node | None:
    try:
        return parse_document(values.source, 1)
    except YamlProblem:
        return None


class EnvironmentFiles:
    """What ``envFrom``, ``env_file`` and ``EnvironmentFile`` bring, where the repository holds it."""

    def __init__(self, artifacts: Iterable[a.Artifact]) -> None:
        self.key_values: dict[tuple[str, str], list[tuple[a.KeyValues, str]]] = {}
        self.files: dict[str, a.DotenvFile] = {}
        self.patched: set[str] = set()
        """Names of workloads to which a patch of some overlay gives more variables."""
        for artifact in artifacts:
            if isinstance(artifact, a.KubernetesFile):
                for entry in artifact.key_values:
                    if entry.name is not None and not entry.name.templated:
                        self.key_values.setdefault((entry.kind, entry.name.text), []).append((entry, artifact.path))
                for workload in artifact.workloads:
                    if (
                        workload.patch
                        and workload.name is not None
                        and any(c.env or c.env_from for c in workload.containers)
                    ):
                        self.patched.add(workload.name.text)
            elif isinstance(artifact, a.DotenvFile) and not artifact.example:
                self.files[artifact.path] = artifact

    def fill(self, variables: Variables, sources: Iterable[a.EnvironmentSource], path: str) -> Variables:
        """``variables`` with those of the sources; open when one of them is not in the repository."""
        for source in sources:
            kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}.get(source.kind)
            if kind is not None and not source.templated:
                found = self.key_values.get((kind, source.name), [])
                for entry, origin in found[:1]:
                    renamed = [replace(v, name=f"{source.prefix}{v.name}") for v in entry.entries]
                    variables = variables.plus(renamed, origin)
                whole = bool(found) and not found[0][0].templated and not found[0][0].env_files
                variables = variables.opened(not whole)
            elif source.kind in ("env_file", "EnvironmentFile") and not source.templated:
                file = self.files.get(join(path.rpartition("/")[0], source.name))
                if file is not None:
                    variables = variables.plus(file.variables, file.path)
                variables = variables.opened(file is None)
            else:
                variables = variables.opened()
        return variables
