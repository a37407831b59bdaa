"""pyproject.toml, requirements.lock and environment.yml name the same packages."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
CONDA_NAMES = {"kubernetes": "python-kubernetes", "matplotlib": "matplotlib-base", "tree-sitter": "tree_sitter"}
PYTHONS = ("3.11.0", "3.11.13", "3.12.0", "3.13.0")
PLATFORMS = ("linux", "darwin", "win32")


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def locked() -> list[Requirement]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [Requirement(line.removesuffix("\\").strip()) for line in lines if line[:1].isalnum()]


def pinned_version(name: str, python: str, platform: str) -> str | None:
    environment = {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": platform,
        "os_name": "nt" if platform == "win32" else "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    for requirement in locked():
        applies = requirement.marker is None or requirement.marker.evaluate(environment)
        if canonicalize_name(requirement.name) == canonicalize_name(name) and applies:
            return str(requirement.specifier).removeprefix("==")
    return None


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_satisfies_every_requirement(python: str, platform: str) -> None:
    table = project()
    for text in [*table["dependencies"], *table["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        version = pinned_version(requirement.name, python, platform)
        assert version is not None, f"{requirement.name} is not in requirements.lock: run scripts/lock"
        assert version in requirement.specifier, f"{requirement} but the lock has {version}: run scripts/lock"


def test_every_locked_file_has_a_hash_and_no_index_is_named() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.findall(r"^[a-z0-9][^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+", text, re.MULTILINE)
    assert len(blocks) == len(locked()) > 100
    assert "://" not in text
    assert "--index" not in text


def test_the_lock_holds_the_build_backend_so_that_the_editable_install_needs_no_network() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    for requirement in map(Requirement, build):
        version = pinned_version(requirement.name, "3.11.0", "linux")
        assert version is not None
        assert version in requirement.specifier


def imported(folder: Path) -> Iterator[str]:
    """Yield the packages that a folder's modules import from outside of the clone and of Python."""
    ours = set(sys.stdlib_module_names) | {"podwalk", "grader", "tests", "scripts", "course"}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            else:
                continue
            yield from (name.partition(".")[0] for name in names if name.partition(".")[0] not in ours)


@pytest.mark.parametrize(("folder", "groups"), [("podwalk", ()), ("grader", ()), ("tests", ("dev", "dask", "hub"))])
def test_whatever_is_imported_is_required(folder: str, groups: tuple[str, ...]) -> None:
    table = project()
    texts = [*table["dependencies"], *(text for group in groups for text in table["optional-dependencies"][group])]
    required = {canonicalize_name(Requirement(text).name) for text in texts}
    providers = packages_distributions()
    undeclared = {
        package
        for package in set(imported(ROOT / folder))
        if required.isdisjoint(canonicalize_name(name) for name in providers.get(package, [package]))
    }
    assert not undeclared, f"{folder} imports what pyproject.toml does not require"


def flat(dependencies: list[str | dict[str, list[str]]]) -> Iterator[str]:
    """Yield conda's packages, and those that pip is to install."""
    for one in dependencies:
        yield from [one] if isinstance(one, str) else one["pip"]


def test_conda_gets_the_same_packages_in_the_same_ranges() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    table = project()
    expected = {"python": SpecifierSet(table["requires-python"]), "pip": SpecifierSet()}
    for requirement in map(Requirement, table["dependencies"]):
        expected[CONDA_NAMES.get(requirement.name, requirement.name)] = requirement.specifier
    found = {r.name: r.specifier for r in map(Requirement, flat(environment["dependencies"]))}
    assert found == expected


def test_kind_is_an_extra_of_the_same_conda_environment() -> None:
    base = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    extra = yaml.safe_load((ROOT / "environment-kind.yml").read_text(encoding="utf-8"))
    assert (extra["name"], extra["channels"]) == (base["name"], base["channels"])
    extras = {Requirement(text).name for text in extra["dependencies"]}
    assert {"kubernetes-kind", "kubernetes-client"} <= extras
    assert extras.isdisjoint(Requirement(text).name for text in flat(base["dependencies"]))
