from runtime_ops.facts.artifacts import Artifact, PackagingFile, Requirement
from runtime_ops.project.versions import Versions


def packaging(
    path: str, *rows: tuple[str, str, str | None], locked: bool = False, python: str | None = None
) -> PackagingFile:
    requirements = tuple(
        Requirement(name, specifier, version, n, n) for n, (name, specifier, version) in enumerate(rows, 1)
    )
    return PackagingFile(
        path=path, flavour="requirements", locked=locked, requirements=requirements, requires_python=python
    )


def test_the_nearest_file_of_a_monorepo_holds() -> None:
    versions = Versions(
        [
            packaging("requirements.txt", ("redis", "==4.0.0", "4.0.0")),
            packaging("services/pay/requirements.txt", ("redis", "==8.1.0", "8.1.0")),
            Artifact(path="Dockerfile"),
        ]
    )
    assert versions.text("Redis", "services/pay/app/main.py") == "8.1.0"
    assert versions.text("redis", "services/web/app.py") == "4.0.0"
    held = versions.of("redis", "services/pay/x.py")
    assert held is not None and (held.path, held.line, held.exact) == ("services/pay/requirements.txt", 1, True)


def test_a_lock_above_decides_when_it_fits_the_nearest_range() -> None:
    lock = packaging("uv.lock", ("httpx", "", "0.28.1"), locked=True)
    assert (
        Versions([packaging("pkg/pyproject.toml", ("httpx", ">=0.27", None)), lock]).text("httpx", "pkg/a.py")
        == "0.28.1"
    )
    assert Versions([packaging("pkg/pyproject.toml", ("httpx", ">=1", None)), lock]).text("httpx", "pkg/a.py") == ">=1"


def test_runtime_files_go_before_development_files() -> None:
    versions = Versions(
        [
            packaging("requirements-dev.txt", ("redis", "==5.0", "5.0")),
            packaging("requirements/base.txt", ("redis", "==6.0", "6.0")),
        ]
    )
    assert versions.text("redis", "app.py") == "6.0"


def test_other_folders_answer_only_when_they_agree() -> None:
    one, two = (
        packaging("a/requirements.txt", ("redis", "==5.0", "5.0")),
        packaging("b/requirements.txt", ("redis", "==6.0", "6.0")),
    )
    assert Versions([one]).text("redis", "c/app.py") == "5.0"
    assert Versions([one, two]).text("redis", "c/app.py") is None


def test_same_package_under_another_name_and_the_interpreter() -> None:
    versions = Versions([packaging("pyproject.toml", ("psycopg2-binary", ">=2.9", None), python=">=3.11")])
    assert versions.text("psycopg2", "app.py") == ">=2.9"
    assert versions.text("stdlib", "app.py") == ">=3.11"
    assert versions.of("requests", "app.py") is None
