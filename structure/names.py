"""Where code names a task or a stage outside the places that may.

What a task is, `artifact/task.py` says; what a stage's name means, `artifact/stage.py`. Code that
compares such a name, or cuts it apart, must be changed for every new task. So it may stand in
`artifact/`, in the one module that a package has per task (a folder `tasks/`) and in
`engine/rows/caption/` only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from artifact.stage import StageKind
from artifact.task import TASKS
from structure.tree import Limit, Source, Tree

_TASK, _KIND = "|".join(TASKS), "|".join(StageKind)
_NAMED = re.compile(
    rf"""^({_TASK}|{_KIND})$          # nothing but a name
    | ^({_TASK})(,({_TASK}))+$        # a list, as on a command line
    | \b({_KIND})\\?\[                # the beginning of a stage's full name
    | \[({_TASK})\b                   # the task in one
    | \btask=["']?({_TASK})\b         # a metric's label""",
    re.VERBOSE,
)
_PREFIX = re.compile(rf"^({_TASK}|{_KIND})[\[_:.]?$")
_CONSTANT = re.compile(rf"(^|_)({_TASK}|{_KIND})(_|$)".upper())
_TYPE = re.compile(rf"(^_?({'|'.join(map(str.capitalize, TASKS))})(?![a-z])|Row$)")
_CUTS = frozenset(
    {
        "startswith",
        "endswith",
        "removeprefix",
        "removesuffix",
        "split",
        "rsplit",
        "partition",
        "rpartition",
        "index",
        "rindex",
        "find",
        "rfind",
    }
)
_COMPARED = ("comparison", "in", "match", "dict key")
_THROUGH = (ast.Tuple, ast.List, ast.Set, ast.Starred, ast.IfExp, ast.BinOp, ast.FormattedValue)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Place:
    """A name that is found: the form it has, the source of it, and the function around it."""

    path: str
    line: int
    form: str
    text: str
    within: str


@dataclass(frozen=True)
class Homonym:
    """A word that looks like a name and is none: where, in which function, and what it means."""

    path: str
    within: str
    text: str
    means: str


HOMONYMS = (
    Homonym(
        "engine/telemetry/requests.py",
        "RequestInstruments.__init__",
        "'reason'",
        "label: why a request was refused",
    ),
    Homonym(
        "engine/opening/choose.py", "Remembered.read", "'reason'", "field: why a backend was taken"
    ),
    Homonym("models/adapters/merging.py", "", "HookKind.STEM", "hooks at embedded tokens"),
    Homonym("cli/commands/serve.py", "_serve", "'reason'", "field of a log record: why it stopped"),
    Homonym(
        "cli/commands/ask/facts.py",
        "print_facts",
        "'reason'",
        "field: why a lower variant was used",
    ),
    Homonym("monitoring/promql.py", "shed", "'reason'", "label: why a request was refused"),
)


def may_name(path: str) -> bool:
    """Tell whether a file may name tasks and stages."""
    folders = path.split("/")[:-1]
    return (
        folders[0] == "artifact"
        or "tasks" in folders
        or folders[:3] == ["engine", "rows", "caption"]
    )


def places(source: Source) -> list[Place]:
    """Return every place where a file names a task or a stage."""
    return list(_walk(source.syntax, (), source.path))


def offenders(tree: Tree) -> list[Place]:
    """Return the places in files that may not name a task or a stage, homonyms aside."""
    known = {(each.path, each.within, each.text) for each in HOMONYMS}
    return [
        place
        for source in tree.product()
        if not may_name(source.path)
        for place in places(source)
        if (place.path, place.within, place.text) not in known
    ]


def measure(tree: Tree) -> Limit:
    """Count the offenders."""
    found = tuple(f"{p.path}:{p.line} {p.form}: {p.text}" for p in offenders(tree))
    return Limit("names of tasks and stages outside their places", len(found), 0, found)


def _walk(node: ast.AST, around: tuple[ast.AST, ...], path: str) -> Iterator[Place]:
    """Yield the names in a node; a text that is a statement of its own is a docstring."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, (ast.expr, ast.keyword)) and (form := _form(node, around)):
        within = ".".join(each.name for each in around if isinstance(each, _SCOPES))
        yield Place(path, node.lineno, form, ast.unparse(node), within)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, (*around, node), path)


def _form(node: ast.expr | ast.keyword, around: tuple[ast.AST, ...]) -> str | None:
    """Return the form in which a node names a task or a stage, or None."""
    use = _use(node, around)
    match node:
        case ast.Constant(value=str(text)):
            cut = use in _CUTS and _PREFIX.search(text)
            bracket = text == "[" and (use in _CUTS or use == "in")
            return use if _NAMED.search(text) or cut or bracket else None
        case ast.keyword(arg=str(name)):
            return use if use == "dict key" and _NAMED.search(name) else None
        case ast.Name(id=name) | ast.Attribute(attr=name):
            if _TYPE.search(name) and use in ("isinstance", "comparison"):
                return "isinstance"
            return use if use in _COMPARED and _CONSTANT.search(name) else None
    return None


def _use(node: ast.AST, around: tuple[ast.AST, ...]) -> str:
    """Return what a value is used for: a form of `Place`, `literal` if it is none in particular."""
    for parent in reversed(around):
        match parent:
            case ast.Compare(ops=ops):
                return "in" if isinstance(ops[0], (ast.In, ast.NotIn)) else "comparison"
            case ast.MatchValue():
                return "match"
            case ast.MatchClass(cls=cls) if cls is node:
                return "isinstance"
            case ast.Dict(keys=keys) if node in keys:
                return "dict key"
            case ast.Call(func=ast.Name(id="dict")) if isinstance(node, ast.keyword):
                return "dict key"
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kind]):
                return "isinstance" if kind is node else "literal"
            case ast.Call(func=ast.Attribute(attr=method)) if method in _CUTS:
                return method
            case ast.JoinedStr():
                return "f-string"
        if not isinstance(parent, _THROUGH):
            return "literal"
        node = parent
    return "literal"
