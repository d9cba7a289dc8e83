"""Draws docs/layers.svg from the imports: `python -m devtools.draw_layers`.

One box an app, in the rows of pyproject.toml's first import-linter contract; in it the app's
modules and packages, and which apps it imports.
"""

import textwrap
from collections import defaultdict
from html import escape

from devtools.imports import ROOT, Module, app_rows, imports_of, read_modules

PICTURE = ROOT / "docs" / "layers.svg"

WIDTH = 1000
MARGIN = 16
GAP = 20
LINE = 17
LETTER = 6.7  # the average width of a letter at 13 px
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2937}"
    ".app{font-weight:600;font-size:15px}.imports{fill:#64748b}"
    "rect{fill:#f8fafc;stroke:#94a3b8}path{stroke:#94a3b8;fill:none;marker-end:url(#arrow)}"
)
ARROW = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8" style="marker-end:none"/></marker>'
)


def draw() -> str:
    """The picture, the highest row on top."""
    rows = [list(row) for row in reversed(app_rows())]
    modules = read_modules(ROOT, [app for row in rows for app in row])
    imported = imported_apps(modules)
    shapes = []
    top = MARGIN
    for number, row in enumerate(rows):
        texts = {app: box_text(app, modules, imported[app], box_width(row)) for app in row}
        height = LINE * max(len(lines) for lines in texts.values()) + 16
        for place, app in enumerate(row):
            left = MARGIN + place * (box_width(row) + GAP)
            shapes += box(left, top, box_width(row), height, texts[app])
        top += height + GAP
        if number < len(rows) - 1:
            shapes.append(f'<path d="M{WIDTH // 2} {top - GAP}V{top}"/>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top - GAP + MARGIN}">',
            f"<style>{STYLE}</style><defs>{ARROW}</defs>",
            *shapes,
            "</svg>\n",
        ]
    )


def imported_apps(modules: dict[str, Module]) -> dict[str, set[str]]:
    imported = defaultdict(set)
    for module in modules.values():
        for entry in imports_of(module, modules):
            imported[module.app].add(modules[entry.imported].app)
        imported[module.app].discard(module.app)
    return imported


def box_width(row: list[str]) -> int:
    return (WIDTH - 2 * MARGIN - GAP * (len(row) - 1)) // len(row)


def box_text(
    app: str, modules: dict[str, Module], imported: set[str], width: int
) -> list[tuple[str, str]]:
    """The lines of an app's box, each with its class: name, modules, imported apps."""
    children = sorted({name.split(".")[1] for name in modules if name.startswith(f"{app}.")})
    letters = int((width - 20) / LETTER)
    imports = "imports " + (" ".join(sorted(imported)) or "none of ours")
    return [
        ("app", app),
        *(("modules", line) for line in textwrap.wrap(" ".join(children), letters)),
        *(("imports", line) for line in textwrap.wrap(imports, letters)),
    ]


def box(left: int, top: int, width: int, height: int, lines: list[tuple[str, str]]) -> list[str]:
    shapes = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>']
    for number, (kind, line) in enumerate(lines, start=1):
        y = top + 4 + number * LINE
        shapes.append(f'<text class="{kind}" x="{left + 10}" y="{y}">{escape(line)}</text>')
    return shapes


if __name__ == "__main__":
    PICTURE.write_text(draw())
