"""The private library folder: made once, by hash, away from the audited repository, and honest when it cannot be made.

The tests that make it ask the package index, as users do, and are skipped with the reason where there is none.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import Specifier

from runtime_ops.bootstrap import libraries, private

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {scripts!r})
from runtime_ops.bootstrap import ensure_libraries
ensure_libraries()
import json, markdown_it, mdurl, packaging, pathspec, yaml
print(yaml.__file__)
"""


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with nothing but the standard library: not even pip."""
    home = tmp_path_factory.mktemp("bare")
    venv.EnvBuilder(with_pip=False).create(home)
    return home / "bin/python"


@pytest.fixture(scope="session")
def plain_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the standard library and pip, as most machines have it."""
    home = tmp_path_factory.mktemp("plain")
    venv.EnvBuilder(with_pip=True).create(home)
    return home / "bin/python"


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    script = tmp_path / "probe.py"
    script.write_text(PROBE.format(scripts=str(ROOT / "scripts")))
    return script


def start(
    python: Path, probe: Path, cache: Path, cwd: Path | None = None, **environment: str
) -> subprocess.Popen[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(cache.parent), "XDG_CACHE_HOME": str(cache), **environment}
    return subprocess.Popen(
        [str(python), str(probe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        cwd=cwd or cache.parent,
    )


def run(
    python: Path, probe: Path, cache: Path, cwd: Path | None = None, **environment: str
) -> tuple[int, str, str]:
    process = start(python, probe, cache, cwd, **environment)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def needs_registry(err: str) -> None:
    if "pip install" in err and "failed" in err:
        pytest.skip(f"SKIPPED: no package registry from here: {err.splitlines()[1].strip()}")


def test_libraries_are_those_of_pyproject() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = {Requirement(text).name: Requirement(text).specifier for text in declared}
    ours = {library.distribution: libraries.requirement(library) for library in libraries.LIBRARIES}
    for name, specifier in wanted.items():
        assert Requirement(ours[name]).specifier == specifier
    assert set(ours) - set(wanted) == {"mdurl"}, "the only indirect dependency"


def test_lock_pins_every_library_with_hashes_and_names_no_index() -> None:
    text = libraries.LOCK.read_text()
    logical = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    pinned = {line.split()[0].partition("==")[0]: line for line in logical}
    assert set(pinned) == {library.distribution for library in libraries.LIBRARIES}
    for library in libraries.LIBRARIES:
        line = pinned[library.distribution]
        version = line.split()[0].partition("==")[2]
        assert "--hash=sha256:" in line
        assert Specifier(">=" + ".".join(map(str, library.minimum))).contains(version)
    assert "http" not in text
    assert "--index" not in text


def test_release_reads_the_leading_numbers() -> None:
    assert libraries.release("6.0.2rc1") == (6, 0, 2)
    assert libraries.release("26.3") >= (24,)
    assert libraries.release("nonsense") == ()


def test_version_of_an_installed_library_is_told_by_the_folder_beside_it(tmp_path: Path) -> None:
    module = tmp_path / "yaml/__init__.py"
    assert libraries.version_beside(str(module), "pyyaml") is None
    (tmp_path / "PyYAML-6.0.2.dist-info").mkdir()
    (tmp_path / "pyyaml_env-1.0.dist-info").mkdir()
    assert libraries.version_beside(str(module), "pyyaml") == "6.0.2"
    (tmp_path / "pyyaml-5.1.dist-info").mkdir()
    assert libraries.version_beside(str(module), "pyyaml") is None, "left over by a broken update: asked the slow way"
    assert libraries.version_beside(None, "pyyaml") is None
    (tmp_path / "markdown_it_py-4.0.dist-info").mkdir()
    assert libraries.version_beside(str(module), "markdown-it-py") == "4.0"


def test_a_library_that_is_too_old_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yaml").mkdir()
    (tmp_path / "yaml/__init__.py").write_text("")
    (tmp_path / "PyYAML-6.0.1.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "yaml", raising=False)
    assert libraries.missing() == ["pyyaml>=6.0.2"]
    (tmp_path / "PyYAML-6.0.1.dist-info").rename(tmp_path / "PyYAML-6.0.2.dist-info")
    assert libraries.missing() == []


def test_forbidden_bootstrap_names_libraries_and_commands(bare_python: Path, probe: Path, tmp_path: Path) -> None:
    code, out, err = run(bare_python, probe, tmp_path / "cache", PYRUNOPS_NO_BOOTSTRAP="1")
    assert (code, out) == (2, "")
    for library in libraries.LIBRARIES:
        assert library.distribution in err
    assert f"-m pip install --require-hashes -r {libraries.LOCK}" in err
    assert "PYRUNOPS_NO_BOOTSTRAP" in err
    assert not (tmp_path / "cache").exists()


def test_no_network_is_an_error_that_leaves_nothing(plain_python: Path, probe: Path, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nno-index = true\nfind-links =\n")
    code, out, err = run(plain_python, probe, tmp_path / "cache", PIP_CONFIG_FILE=str(config))
    assert (code, out) == (2, "")
    assert "missing Python libraries: markdown-it-py" in err
    assert "pip install" in err
    assert list((tmp_path / "cache" / private.APPLICATION).iterdir()) == []


def test_wrong_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("mdurl==0.1.2 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(private.PrivateFolderError, match=r"pip .*failed"):
        private.install(lock, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_made_by_an_interpreter_without_pip_then_used_again(bare_python: Path, probe: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    code, out, err = run(bare_python, probe, cache)
    needs_registry(err)
    assert code == 0, err
    assert err.count("\n") == 1, "one line says what is done"
    assert str(cache) in out
    code, out, err = run(bare_python, probe, cache, PYRUNOPS_TEST="second")
    assert (code, err) == (0, "")
    assert str(cache) in out


def test_two_at_once_both_succeed_and_leave_one_folder(plain_python: Path, probe: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    both = [start(plain_python, probe, cache) for _ in range(2)]
    ended = [(process.communicate(timeout=300), process.returncode) for process in both]
    needs_registry(ended[0][0][1])
    assert [code for _, code in ended] == [0, 0], ended
    assert [entry.name.split("-")[0] for entry in (cache / private.APPLICATION).iterdir()] == ["libraries"]


def test_incomplete_folder_is_rebuilt(plain_python: Path, probe: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    code, out, err = run(plain_python, probe, cache)
    needs_registry(err)
    assert code == 0, err
    yaml_init = Path(out.strip())
    yaml_init.unlink()
    code, out, err = run(plain_python, probe, cache)
    assert code == 0, err
    assert yaml_init.is_file()
    assert len(list((cache / private.APPLICATION).iterdir())) == 1


def test_nothing_of_the_audited_repository_takes_part(plain_python: Path, probe: Path, tmp_path: Path) -> None:
    """Its pip settings, its `pip.py`, its `json.py`: also when PYTHONPATH names its folder."""
    repository = tmp_path / "repository"
    repository.mkdir()
    for name in ("pip", "json", "yaml", "venv", "tempfile", "hashlib", "sitecustomize_not", "packaging"):
        (repository / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    (repository / "setup.cfg").write_text("[install]\nprefix=/nowhere\n")
    (repository / "pip.conf").write_text("[global]\nindex-url = https://invalid.invalid/\n")
    environment = {"PYTHONPATH": ".", "PIP_INDEX_URL": "https://invalid.invalid/", "PIP_TARGET": str(repository)}
    code, out, err = run(plain_python, probe, tmp_path / "cache", cwd=repository, **environment)
    needs_registry(err)
    assert code == 0, err
    assert str(tmp_path / "cache") in out
    assert not (tmp_path / "ran").exists()


def test_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert private.cache_home() == tmp_path / ".cache"


def test_folder_writable_by_all_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(private.PrivateFolderError, match="writable by all"):
        private.refuse_foreign(shared)


def test_unwritable_cache_says_where_and_what_to_do(bare_python: Path, probe: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the cache folder should be")
    code, _, err = run(bare_python, probe, blocked)
    assert code == 2
    assert f"cannot write to {blocked}" in err
    assert "XDG_CACHE_HOME" in err


def test_vendored_libraries_come_first(tmp_path: Path) -> None:
    """In the packed bundle no library of the interpreter is used, whatever its version."""
    scripts = tmp_path / "scripts"
    package = scripts / "runtime_ops"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "bootstrap").symlink_to(ROOT / "scripts/runtime_ops/bootstrap")
    code = f"import sys; sys.path.insert(0, {str(scripts)!r})\nfrom runtime_ops.bootstrap import libraries\n"
    code += f"from pathlib import Path\nlibraries.VENDOR = Path({str(scripts / '_vendor')!r})\n"
    code += "libraries.provide()\nimport yaml; print(yaml.__file__)"
    vendored = scripts / "_vendor" / "yaml"
    vendored.mkdir(parents=True)
    (vendored / "__init__.py").write_text("")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(vendored / "__init__.py")


def test_old_interpreter_gets_a_sentence(probe: Path, tmp_path: Path) -> None:
    candidates = [Path(f"/usr/bin/python3.{minor}") for minor in (8, 9, 10)]
    candidates += sorted((Path.home() / ".pyenv/versions").glob("3.[89].*/bin/python3"))
    old = next((path for path in candidates if path.exists()), None)
    if old is None:
        pytest.skip("SKIPPED: no Python older than 3.11 on this machine")
    code, _, err = run(old, probe, tmp_path / "cache")
    assert code == 2
    assert "expected 3.11 or newer" in err
    assert "Traceback" not in err
