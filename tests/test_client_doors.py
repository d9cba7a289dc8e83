"""Each call to WeChat that the client knows is made where a person or a program reaches it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.install import ROOT

# Calls that nothing but the client itself makes, and why that is right.
WITHOUT_A_DOOR: dict[str, str] = {}

APPS = ("platform_auth", "miniprograms", "messaging", "audits", "webhooks", "portal", "api")
CALLS = {"call", "fetch_file", "call_side_by_side"}


def _trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT), ast.parse(path.read_text())


def _names_in(tree: ast.AST) -> set[str]:
    """Whatever TREE mentions: names, and attributes of modules."""
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    }


def _functions_of(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def client_calls() -> dict[str, str]:
    """The public functions of the client that ask WeChat, by name, and their modules."""
    functions: dict[str, str] = {}
    for path, tree in _trees("wechat"):
        if path.stem == "http":
            continue
        defined = _functions_of(tree)
        asking, before = set(CALLS), 0
        while len(asking) > before:
            before = len(asking)
            asking |= {name for name, node in defined.items() if asking & _names_in(node)}
        functions |= {name: path.stem for name in asking - CALLS if not name.startswith("_")}
    return functions


def reached_names() -> set[str]:
    """What the apps mention, imports apart; a function of theirs that nobody calls is nobody."""
    trees = [tree for _, tree in _trees(*APPS, "config")]
    bodies: dict[str, list[set[str]]] = {}
    reached: set[str] = set()
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                bodies.setdefault(node.name, []).append(_names_in(node) - {node.name})
            else:
                reached |= _names_in(node)
    waiting = list(reached)
    while waiting:
        for names in bodies.get(waiting.pop(), ()):
            waiting += names - reached
            reached |= names
    return reached


CLIENT, REACHED = client_calls(), reached_names()


@pytest.mark.parametrize("name", sorted(CLIENT))
def test_a_call_of_the_client_is_reached(name: str) -> None:
    is_reached = name in REACHED
    assert is_reached != (name in WITHOUT_A_DOOR), f"wechat.{CLIENT[name]}.{name}"


def test_there_are_calls() -> None:
    assert len(CLIENT) > 60
    assert set(WITHOUT_A_DOOR) <= set(CLIENT)
