"""Who imports whom, read from the source with the standard library alone."""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Module:
    name: str  # as `audits.services.verdicts`
    path: Path
    source: str
    tree: ast.Module

    @property
    def app(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Import:
    importer: str  # a module
    imported: str  # a module of ours
    name: str  # what is taken from it; empty where it is the module itself


def app_rows() -> list[tuple[str, ...]]:
    """The apps, lowest row first, as pyproject.toml's first import-linter contract lists them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return [tuple(re.findall(r"\w+", row)) for row in reversed(layers)]


def read_modules(root: Path, packages: Iterable[str]) -> dict[str, Module]:
    """The modules of these packages by name, migrations apart."""
    modules = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if "migrations" in parts:
                continue
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            source = path.read_text()
            modules[name] = Module(name, path.relative_to(root), source, ast.parse(source))
    return modules


def imports_of(module: Module, modules: dict[str, Module]) -> Iterator[Import]:
    """What a module imports of MODULES, inside functions too; one for each name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in modules:
                    yield Import(module.name, alias.name, "")
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(module, node)
            for alias in node.names:
                if f"{origin}.{alias.name}" in modules:
                    yield Import(module.name, f"{origin}.{alias.name}", "")
                elif origin in modules:
                    yield Import(module.name, origin, alias.name)


def _origin(module: Module, node: ast.ImportFrom) -> str:
    """The module that `from … import` names, in full where it is relative."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    depth = node.level - (module.path.name == "__init__.py")
    package = parts[: len(parts) - depth]
    return ".".join([*package, node.module] if node.module else package)


def import_circles(modules: dict[str, Module]) -> list[list[str]]:
    """The groups of two or more modules that reach one another by imports (Tarjan's algorithm)."""
    graph = {
        name: sorted({i.imported for i in imports_of(module, modules)} - {name})
        for name, module in modules.items()
    }
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    circles = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for imported in graph[name]:
            if imported not in order:
                visit(imported)
                lowest[name] = min(lowest[name], lowest[imported])
            elif imported in stack:
                lowest[name] = min(lowest[name], order[imported])
        if lowest[name] == order[name]:
            start = stack.index(name)
            circle, stack[start:] = sorted(stack[start:]), []
            if len(circle) > 1:
                circles.append(circle)

    for name in graph:
        if name not in order:
            visit(name)
    return circles
