"""Finds every way in which the repository's artifacts start a program (`find_launches`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from runtime_ops.facts import artifacts as a
from runtime_ops.project.charts import EnvironmentFiles, rendered, with_chart_values
from runtime_ops.project.code_commands import CodeCommands
from runtime_ops.project.container_starts import ContainerStarts
from runtime_ops.project.entrypoints import Closure
from runtime_ops.project.following import Follower
from runtime_ops.project.images import Images
from runtime_ops.project.launch import Launch
from runtime_ops.project.layout import Tree
from runtime_ops.project.locations import Locator, package_roots
from runtime_ops.project.platform_starts import PlatformStarts


def find_launches(artifacts: Sequence[a.Artifact], closure: Closure, files: Collection[str]) -> tuple[Launch, ...]:
    """Every launch, in the order of the artifacts' paths and lines.

    ``files``: the relative paths of all files of the repository, also of those that nobody reads (a Dockerfile copies
    them). Launches of programs that are neither of the repository nor a known server are among them with a ``program``
    target.
    """
    index = closure.links.index
    resolved = tuple(sorted(with_chart_values(rendered(artifacts, files)), key=lambda x: (x.path, type(x).__name__)))
    tree = Tree({*files, *index.modules, *(x.path for x in resolved)})
    locator = Locator(index, tree, package_roots(resolved))
    images = Images(resolved, tree)
    follower = Follower(locator, resolved, CodeCommands(closure))
    environment = EnvironmentFiles(resolved)
    found = ContainerStarts(resolved, follower, images, environment).find()
    found += PlatformStarts(resolved, follower, images, environment, found).find()
    kept = {id(launch): launch for launch in found}
    for launch in found:
        if launch.role == "management" and _started_elsewhere(launch, found):
            kept.pop(id(launch), None)
    return tuple(sorted(kept.values(), key=_order))


def _started_elsewhere(launch: Launch, found: Sequence[Launch]) -> bool:
    """Whether some artifact starts what an arm of a script starts; one for development says nothing of production."""
    last = launch.chain[-1]
    return any(
        x.role != "management" and x.chain[-1] == last and x.target == launch.target and x.development <= launch.development
        for x in found
    )


def _order(launch: Launch) -> tuple[object, ...]:
    return (launch.path, launch.line, launch.role != "main", [(x.path, x.line) for x in launch.chain], launch.argv)
