"""A module of ours in, one file that needs no molnar out: its imports from molnar are written in.

Only what is reached is taken over: names that the module uses, names that those use, and of a class
the methods that somebody calls. The text stays as it is written, but for examples in docstrings.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from molnar.base.errors import BundleError

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds the package
#: Libraries that the written file must do without, and what stands in for them.
STAND_INS = {"einops": "molnar.bridge.ours.rearranging"}
KEPT = re.compile(r"__\w+__|forward")  # methods that are called without being named
RULE = "# " + "-" * 78
WIDTH = 100

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Module:
    """A module of ours, read and not run."""

    name: str
    lines: list[str]
    tree: ast.Module
    defined: dict[str, ast.stmt] = field(default_factory=dict)
    borrowed: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> module, its name
    outside: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> module or "", text
    kept: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, name: str) -> Module:
        """Read a module by its dotted name."""
        path = ROOT.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        text = path.read_text(encoding="utf-8")
        module = cls(name, text.splitlines(), ast.parse(text))
        for node in module.tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                module._import(node)
            else:
                module.defined |= dict.fromkeys(_names(node), node)
        return module

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        source = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        source = STAND_INS.get(source, source)
        for alias in node.names:
            said = alias.name + (f" as {alias.asname}" if alias.asname else "")
            known = alias.asname or alias.name.split(".")[0]
            if source.split(".")[0] == "molnar":
                self.borrowed[known] = (source, alias.name)
            elif source != "__future__":
                self.outside[known] = (source, said)

    def statements(self) -> list[ast.stmt]:
        """List what is kept, as it stands in the file."""
        kept = {id(node) for name, node in self.defined.items() if name in self.kept}
        return [node for node in self.tree.body if id(node) in kept]


class Inliner:
    """Follows names from a module through all of molnar.

    Example:
        >>> "einops" in Inliner("molnar.bridge.ours.upscaler").text()
        False
    """

    def __init__(self, name: str) -> None:
        """Read the module and what it needs.

        Args:
            name: Its dotted name, e.g. "molnar.bridge.ours.unet".

        Raises:
            BundleError: Two of the modules mean different things by one name.
        """
        self.modules: dict[str, Module] = {}
        self.order: list[Module] = []
        self.attributes: set[str] = set()
        self.imports: dict[str, set[str]] = {}
        self.root = self._module(name)
        self.root.kept |= set(self.root.defined)
        size = -1
        while size != (size := self._follow()):
            pass
        self._check()

    def text(self) -> str:
        """Write the file: docstring, imports, then module by module, what is needed first."""
        told = ast.get_docstring(self.root.tree) or ""
        head = f'"""{told}\n"""' if "\n" in told else f'"""{told}"""'
        parts = [head, "from __future__ import annotations", *self._import_lines()]
        for module in self.order:
            statements = module.statements()
            if statements and module is not self.root:
                parts.append("\n".join([RULE, *_comment(module), RULE]))
            elif statements and len(self.order) > 1:
                parts.append(RULE)
            parts += [self._written(module, node) for node in statements]
        return _spaced(parts)

    def _module(self, name: str) -> Module:
        if name not in self.modules:
            self.modules[name] = module = Module.read(name)
            for source, _ in module.borrowed.values():
                self._module(source)
            self.order.append(module)  # after all that it borrows from
        return self.modules[name]

    def _follow(self) -> int:
        """Keep what the kept statements use; return how much is kept by now."""
        for module in self.order:
            for statement in module.statements():
                for part in self._parts(module, statement):
                    self._use(module, part)
        return len(self.attributes) + sum(len(module.kept) for module in self.order)

    def _parts(self, module: Module, node: ast.stmt) -> Iterator[ast.AST]:
        """Give a statement, a class without the methods that nobody calls."""
        if not isinstance(node, ast.ClassDef):
            yield node
            return
        yield from (*node.bases, *node.keywords, *node.decorator_list)
        yield from (item for item in node.body if not self._spare(module, item))

    def _spare(self, module: Module, item: ast.stmt) -> bool:
        """Tell whether something in a class is a method that nobody calls."""
        if not isinstance(item, Function) or module is self.root:
            return False
        return not KEPT.fullmatch(item.name) and item.name not in self.attributes

    def _use(self, module: Module, part: ast.AST) -> None:
        for node in ast.walk(part):
            if isinstance(node, ast.Attribute):
                self.attributes.add(node.attr)
            elif isinstance(node, ast.Name):
                self._need(module, node.id)

    def _need(self, module: Module, name: str) -> None:
        if name in module.defined:
            module.kept |= set(_names(module.defined[name]))
        elif name in module.borrowed:
            source, there = module.borrowed[name]
            if there != name:
                raise BundleError(
                    f"{module.name}: imports {there} as {name}; expected one name everywhere"
                )
            lender = self.modules[source]
            if not any(
                name in known for known in (lender.defined, lender.borrowed, lender.outside)
            ):
                raise BundleError(
                    f"{module.name}: {source} has no {name}; expected a name of it, not a module"
                )
            self._need(lender, there)
        elif name in module.outside:
            source, said = module.outside[name]
            self.imports.setdefault(source, set()).add(said)

    def _check(self) -> None:
        meant: dict[str, tuple[Module, ast.stmt]] = {}
        for module in self.order:
            for name in sorted(module.kept):
                node = module.defined[name]
                other, first = meant.setdefault(name, (module, node))
                if other is not module:
                    if ast.dump(first) != ast.dump(node):
                        raise BundleError(
                            f"{other.name} and {module.name} both define {name}; expected "
                            "different names in one file"
                        )
                    module.kept.discard(name)  # the same twice

    def _import_lines(self) -> list[str]:
        """Give two groups, as everywhere: what comes with Python, then the libraries."""
        groups: dict[bool, list[str]] = {True: [], False: []}
        for said in sorted(self.imports.get("", ())):
            groups[_comes_with_python(said)].append(f"import {said}")
        for source, names in sorted(self.imports.items()):
            line = f"from {source} import {', '.join(sorted(names))}"
            if source and len(line) > WIDTH:
                line = f"from {source} import (\n    " + ",\n    ".join(sorted(names)) + ",\n)"
            if source:
                groups[_comes_with_python(source)].append(line)
        return ["\n".join(lines) for lines in groups.values() if lines]

    def _written(self, module: Module, node: ast.stmt) -> str:
        first, last = _lines(module, node)
        spare: set[int] = set()
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if self._spare(module, item):
                    begin, end = _lines(module, item)
                    blank = begin > 1 and not module.lines[begin - 2].strip()
                    spare |= set(range(begin - blank, end + 1))
        kept = [module.lines[k - 1] for k in range(first, last + 1) if k not in spare]
        return "\n".join(_without_examples(kept))


def _comes_with_python(module: str) -> bool:
    return module.split(".")[0] in sys.stdlib_module_names


def _spaced(parts: list[str]) -> str:
    """Join the parts of a file: two lines around functions and classes, one between others."""
    text = parts[0]
    for before, part in pairwise(parts):
        large = any(re.search(r"^(class|def|@)", one, re.M) for one in (before, part))
        text += ("\n\n\n" if large or part.startswith(RULE) else "\n\n") + part
    return text + "\n"


def _names(node: ast.stmt) -> list[str]:
    """List the names that a top-level statement defines."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [name.id for t in targets for name in ast.walk(t) if isinstance(name, ast.Name)]


def _lines(module: Module, node: ast.stmt) -> tuple[int, int]:
    """Give the first and the last line of a statement, comments above it and a text below it."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    while first > 1 and module.lines[first - 2].lstrip().startswith("#"):
        first -= 1
    last = node.end_lineno or node.lineno
    if isinstance(node, ast.Assign | ast.AnnAssign) and node in module.tree.body:
        after = module.tree.body[module.tree.body.index(node) + 1 :][:1]
        for told in after:
            if isinstance(told, ast.Expr) and isinstance(told.value, ast.Constant):
                last = told.end_lineno or told.lineno
    return first, last


def _comment(module: Module) -> list[str]:
    path = "/".join(module.name.split(".")) + ".py"
    told = (ast.get_docstring(module.tree) or "").split("\n\n::")[0].splitlines()
    return [f"# {path}: {told[0]}" if told else f"# {path}", *(f"# {t}".rstrip() for t in told[1:])]


def _without_examples(lines: list[str]) -> list[str]:
    """Leave out the examples of docstrings: they are of molnar's own modules, and run there."""
    kept: list[str] = []
    within = False
    for line in lines:
        if line.strip() == "Example:":
            within = True
            if kept and not kept[-1].strip():
                kept.pop()
        elif within and (not line.strip() or line.strip() == '"""'):
            within = False
        if not within:
            kept.append(line)
    return kept
