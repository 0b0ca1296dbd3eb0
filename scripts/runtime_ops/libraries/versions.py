"""Decide by version: how a call behaved in the version, or range of versions, that a project asks for."""

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from .timeouts import Change, Wait


def bounded_at(wait: Wait, version: str | None) -> bool | None:
    """Whether the call ends by itself in ``version``: a pinned version (``7.1.0``) or a specifier (``>=5,<8``).

    None = unknown: the versions that fit behave differently, the limit covers only a part (``partly``), or the text is
    not a version. ``version=None`` stands for "any version", so it is decided only where it never changed.
    """
    states = bounds_at(wait, version)
    if states == {"yes"}:
        return True
    if states == {"no"}:
        return False
    return None


def bounds_at(wait: Wait, version: str | None) -> frozenset[str]:
    """The states (``yes``, ``no``, ``partly``) that the versions allowed by ``version`` can have; empty if not a version."""
    if not wait.changed:
        return frozenset({wait.bounded})
    candidates = _candidates(wait.changed, version)
    return frozenset(state for candidate in candidates for state in _states(wait, candidate))


def older_than(version: str, text: str) -> bool:
    """Whether every version that ``text``, a pinned version or a specifier, allows is older than ``version``."""
    candidates = _candidates((Change(version),), text)
    return bool(candidates) and all(candidate < Version(version) for candidate in candidates)


def _states(wait: Wait, version: Version) -> set[str]:
    state, states = wait.bounded, set[str]()
    for change in wait.changed:  # newest first
        if version >= Version(change.version):
            break
        older = change.bounded or state
        if change.last_seen and version > Version(change.last_seen):
            return {state, older}
        state = older
    states.add(state)
    return states


def _candidates(changes: tuple[Change, ...], text: str | None) -> list[Version]:
    """Versions that stand for every stretch between two changes, as far as ``text`` allows them."""
    if text is not None:
        try:
            return [Version(text)]
        except InvalidVersion:
            pass
    try:
        wanted = SpecifierSet(text or "")
    except InvalidSpecifier:
        return []
    named = [change.version for change in changes] + [change.last_seen for change in changes if change.last_seen]
    named += [specifier.version.removesuffix(".*") for specifier in wanted]
    points = {Version("99999")}
    for name in named:
        edge = Version(name)
        points |= {edge, _below(edge), Version(f"{edge.base_version}.0.0.0.1")}
    return [point for point in points if wanted.contains(point, prereleases=True)]


def _below(edge: Version) -> Version:
    """A version a little before ``edge``: 8.0.0 gives 7.99999, 7.1 gives 7.0.99999."""
    release = list(edge.release)
    while release and release[-1] == 0:
        release.pop()
    if not release:
        return Version("0")
    release[-1] -= 1
    return Version(".".join(map(str, [*release, 99999])))
