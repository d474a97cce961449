"""Names of tasks and stages: each form is found where it must not be, and only there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from structure.names import HOMONYMS, may_name, measure, offenders, places
from structure.tree import Source, Tree
from tests.structure.planted import planted

OFFENDERS = [
    ("comparison", "task == 'caption'"),
    ("comparison", "'vqa' != request.task"),
    ("comparison", "stage == 'head[vqa]'"),
    ("comparison", "kind is StageKind.HEAD"),
    ("comparison", "stage == STEM_VQA"),
    ("match", "match task:\n    case 'reason': pass"),
    ("match", "match task:\n    case 'vqa' | _: pass"),
    ("match", "match stage.kind:\n    case StageKind.WHOLE: pass"),
    ("dict key", "titles = {'vqa': 'Questions'}"),
    ("dict key", "turns = {StageKind.STEM: 0}"),
    ("dict key", "batches = dict(caption=4)"),
    ("in", "'caption' in tasks"),
    ("in", "task not in ('vqa', other)"),
    ("in", "kind in {'stem', other}"),
    ("in", "'[' in stage"),
    ("startswith", "stage.startswith('head')"),
    ("startswith", "stage.startswith(('block[', other))"),
    ("startswith", "stage.startswith('whole_')"),
    ("removeprefix", "stage.removeprefix('block_')"),
    ("split", "stage.split('[')[0]"),
    ("partition", "stage.partition('[')[0]"),
    ("partition", "stage.partition(':' if ':' in stage else '[')"),
    ("index", "stage[:stage.index('[')]"),
    ("f-string", "f'whole[{task}:{variant}]'"),
    ("f-string", "f'{kind}[vqa]'"),
    ("f-string", "f'rate(images{{task=\"caption\"}}[{window}])'"),
    ("isinstance", "isinstance(row, CaptionRow)"),
    ("isinstance", "isinstance(row, (rows.JointRow, Other))"),
    ("isinstance", "isinstance(row, OnePassRow | None)"),
    ("isinstance", "isinstance(request, ReasonInput)"),
    ("isinstance", "type(row) is JointRow"),
    ("isinstance", "match row:\n    case CaptionRow(): pass"),
    ("literal", "admit('vqa', budget)"),
    ("literal", "TASKS = ['reason']"),
    ("literal", "def tune(task='caption'): pass"),
    ("literal", "field: Literal['vqa']"),
    ("literal", "tasks = 'vqa,reason'"),
    ("literal", "STEM = 'stem[decode]'"),
    ("literal", "pattern = re.compile(r'block\\[(\\d+)\\]')"),
    ("literal", "model.heads['vqa']"),
]

CLEAN = '''
"""A caption's head is called `head[caption]`."""
import caption
HELP = "Some of vqa, caption and reason, or the head of the list."

def head(vqa, *, reason):
    """whole"""
    request.method == "HEAD" or name.startswith("headers")
    isinstance(row, Sequence) and text.split("]") and path.partition(".")
    answer = {"captions": caption, "reasons": f"{reason} in words"}
    return task == other.task or stage.is_head or tasks[name].head
'''


def read(code: str, path: str = "engine/planted.py") -> Source:
    return Source(path, code, ast.parse(code))


@pytest.mark.parametrize(("form", "code"), OFFENDERS, ids=[code for _, code in OFFENDERS])
def test_a_name_is_found_in_each_form(form: str, code: str) -> None:
    assert [place.form for place in places(read(code))] == [form]


def test_a_place_says_where_it_is() -> None:
    code = "class Row:\n    def give(self):\n        return self.task == 'vqa'\n"
    (place,) = places(read(code))
    assert (place.path, place.line, place.within, place.text) == (
        "engine/planted.py",
        3,
        "Row.give",
        "'vqa'",
    )


def test_words_that_are_no_names_are_not_found() -> None:
    assert places(read(CLEAN)) == []


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("artifact/program.py", True),
        ("models/tasks/vqa.py", True),
        ("loadtests/kit/tasks/__init__.py", True),
        ("engine/rows/caption/beams.py", True),
        ("engine/rows/slots.py", False),
        ("engine/tasks.py", False),
        ("cli/artifact/show.py", False),
    ],
)
def test_files_that_may_name_them(path: str, may: bool) -> None:
    assert may_name(path) is may


def test_only_the_product_outside_those_files_is_measured(tmp_path: Path) -> None:
    guilty = "admit('vqa')\n"
    paths = ("artifact/a.py", "models/tasks/a.py", "tests/a.py", "examples/a.py", "server/a.py")
    limit = measure(planted(tmp_path, dict.fromkeys(paths, guilty)))
    assert (limit.value, limit.holds) == (1, False)
    assert limit.places == ("server/a.py:1 literal: 'vqa'",)


def test_the_product_names_none_outside_those_files(repository: Tree) -> None:
    assert offenders(repository) == []


def test_each_homonym_is_still_there(repository: Tree) -> None:
    found = {
        (place.path, place.within, place.text)
        for source in repository.product()
        for place in places(source)
    }
    assert [each for each in HOMONYMS if (each.path, each.within, each.text) not in found] == []
