"""How easy the product is to read, in numbers: `python -m devtools.readability [FOLDER]`.

With `--write` the numbers of this tree go into docs/design.md.

The product is what pyproject.toml's first import-linter contract lists; migrations and tests are
apart. What is counted:

* names imported upward: each name in `from a import b, c` whose module belongs to an app of a
  higher row than the importing one; those from a neighbour in the same row are counted apart;
* import circles: groups of modules that reach one another by imports, those inside functions
  included, in the product and in the sandbox;
* shared names: public functions, classes and constants of a module's top level that are defined in
  three modules or more;
* lines of the product, and its files over 400 lines (data tables among them);
* functions: their median length in lines, and how many have a cyclomatic complexity over 10, which
  is one more than the decisions in them (if, elif, loop, except, case, conditional expression,
  comprehension, and each further operand of `and` and `or`);
* speech words: of the local variables, each counted once a function, the share named by a word of
  SPEECH_WORDS, which says that somebody spoke or acted and not what the variable holds;
* words of the field: the product's lines in which a word begins with each of FIELD_WORDS, in upper
  or lower case, with a space, a hyphen or an underscore between its parts.

BEFORE has the numbers of commit ecdf5ec, where the work on this began.
"""

import argparse
import ast
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.imports import (
    ROOT,
    Import,
    Module,
    app_rows,
    import_circles,
    imports_of,
    read_modules,
)

MAX_FILE_LINES = 400
MAX_COMPLEXITY = 10
SHARED_FROM = 3

SPEECH = (
    "said told heard found known asked given kept made seen wanted gone done left taken named "
    "shown one ones them whom what why who more rest most here there"
)
SPEECH_WORDS = frozenset(SPEECH.split())

FIELD_WORDS = (
    "backoff",
    "retry",
    "dead letter",
    "circuit",
    "dedup",
    "state machine",
    "SSRF",
    "bulkhead",
    "wake-up",
    "inbox",
    "lease",
    "fence",
    "outbox",
)

DOCUMENT = ROOT / "docs" / "design.md"
BEFORE = ("41", "6", "1", "26", "25,333", "13", "5", "4", "11.0%")

DECISIONS = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.match_case,
    ast.comprehension,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Numbers:
    upward: list[Import]
    sideways: list[Import]
    circles: list[list[str]]
    shared_names: dict[str, list[str]]
    lines: int
    long_files: dict[str, int]
    functions: int
    median_lines: float
    complex_functions: dict[str, int]
    local_variables: int
    speech_words: Counter[str]
    field_words: dict[str, int]

    @property
    def speech_share(self) -> float:
        return self.speech_words.total() / self.local_variables


def measure(root: Path) -> Numbers:
    rows = app_rows()
    product = read_modules(root, [app for row in rows for app in row])
    upward, sideways = imports_against_the_rows(product, rows)
    functions = [
        (f"{module.path}:{node.name}", node)
        for module in product.values()
        for node in ast.walk(module.tree)
        if isinstance(node, Function)
    ]
    file_lines = {str(module.path): module.source.count("\n") for module in product.values()}
    variables = Counter(name for _, node in functions for name in local_variables(node))
    complexities = {name: complexity(node) for name, node in functions}
    return Numbers(
        upward=upward,
        sideways=sideways,
        circles=import_circles({**product, **read_modules(root, ["sandbox"])}),
        shared_names=shared_names(product),
        lines=sum(file_lines.values()),
        long_files={name: n for name, n in file_lines.items() if n > MAX_FILE_LINES},
        functions=len(functions),
        median_lines=statistics.median(function_lines(node) for _, node in functions),
        complex_functions={name: n for name, n in complexities.items() if n > MAX_COMPLEXITY},
        local_variables=variables.total(),
        speech_words=Counter(
            {word: variables[word] for word in sorted(SPEECH_WORDS & set(variables))}
        ),
        field_words={word: lines_with(word, product) for word in FIELD_WORDS},
    )


def imports_against_the_rows(
    modules: dict[str, Module], rows: list[tuple[str, ...]]
) -> tuple[list[Import], list[Import]]:
    """The imports from an app above, and those from a neighbour."""
    height = {app: number for number, row in enumerate(rows) for app in row}
    upward, sideways = [], []
    for module in modules.values():
        for entry in imports_of(module, modules):
            app = modules[entry.imported].app
            if height[app] > height[module.app]:
                upward.append(entry)
            elif height[app] == height[module.app] and app != module.app:
                sideways.append(entry)
    return upward, sideways


def shared_names(modules: dict[str, Module]) -> dict[str, list[str]]:
    """The public top-level names that many modules define, with these modules' files."""
    files = defaultdict(list)
    for module in modules.values():
        for name in sorted(set(top_level_names(module.tree))):
            if not name.startswith("_"):
                files[name].append(str(module.path))
    return {name: paths for name, paths in sorted(files.items()) if len(paths) >= SHARED_FROM}


def top_level_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def function_lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def complexity(function: Function) -> int:
    """One more than the decisions in a function, those of functions within it apart."""
    decisions = 0
    pending = list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop()
        decisions += isinstance(node, DECISIONS)
        if isinstance(node, ast.BoolOp):
            decisions += len(node.values) - 1
        if not isinstance(node, Function | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))
    return decisions + 1


def local_variables(function: Function) -> set[str]:
    return {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def lines_with(word: str, modules: dict[str, Module]) -> int:
    pattern = re.compile("(?<![a-z])" + re.sub("[ -]", "[ _-]?", word), re.IGNORECASE)
    return sum(
        bool(pattern.search(line))
        for module in modules.values()
        for line in module.source.splitlines()
    )


def report(numbers: Numbers) -> Iterator[str]:
    yield f"names imported upward      {len(numbers.upward)}"
    yield from (f"    {i.importer} <- {i.imported} {i.name}" for i in numbers.upward)
    yield f"names from a neighbour     {len(numbers.sideways)}"
    yield from (f"    {i.importer} <- {i.imported} {i.name}" for i in numbers.sideways)
    yield f"import circles             {len(numbers.circles)}"
    yield from (f"    {' '.join(circle)}" for circle in numbers.circles)
    yield f"names in {SHARED_FROM} modules or more {len(numbers.shared_names)}"
    yield from (f"    {name} {len(f)}: {' '.join(f)}" for name, f in numbers.shared_names.items())
    yield f"lines                      {numbers.lines}"
    yield f"files over {MAX_FILE_LINES} lines       {len(numbers.long_files)}"
    yield from (f"    {name} {lines}" for name, lines in numbers.long_files.items())
    yield f"functions                  {numbers.functions}"
    yield f"their median length        {numbers.median_lines:g} lines"
    yield f"complexity over {MAX_COMPLEXITY}         {len(numbers.complex_functions)}"
    yield from (f"    {name} {value}" for name, value in numbers.complex_functions.items())
    yield f"local variables            {numbers.local_variables}"
    yield f"named by a speech word     {numbers.speech_share:.1%}"
    yield "    " + " ".join(f"{word} {n}" for word, n in numbers.speech_words.most_common())
    yield "lines with a word of the field"
    yield "    " + ", ".join(f"{word} {count}" for word, count in numbers.field_words.items())


def write_table(numbers: Numbers) -> None:
    """Put NUMBERS into the table of docs/design.md that is between two marks."""
    rows = {
        "names imported upward": str(len(numbers.upward)),
        "names from a neighbour": str(len(numbers.sideways)),
        "import circles": str(len(numbers.circles)),
        f"public names defined in {SHARED_FROM} modules or more": str(len(numbers.shared_names)),
        "lines, migrations apart": f"{numbers.lines:,}",
        f"files over {MAX_FILE_LINES} lines": str(len(numbers.long_files)),
        "median length of a function in lines": f"{numbers.median_lines:g}",
        f"functions with a complexity over {MAX_COMPLEXITY}": str(len(numbers.complex_functions)),
        "local variables named by a word of speech": f"{numbers.speech_share:.1%}",
    }
    lines = [
        f"| {name} | {before} | {now} |"
        for (name, now), before in zip(rows.items(), BEFORE, strict=True)
    ]
    table = "\n".join(["| | ecdf5ec | now |", "|---|---|---|", *lines])
    text = DOCUMENT.read_text()
    marks = r"(?<=<!-- numbers -->\n).*?(?=\n<!-- end -->)"
    DOCUMENT.write_text(re.sub(marks, table, text, flags=re.DOTALL))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How easy the product is to read, in numbers.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    parser.add_argument("--write", action="store_true", help="also into docs/design.md")
    arguments = parser.parse_args()
    measured = measure(arguments.folder)
    print("\n".join(report(measured)))
    if arguments.write:
        write_table(measured)
