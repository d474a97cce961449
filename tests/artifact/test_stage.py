from __future__ import annotations

import json
import pickle

import pytest

from artifact.stage import StageKind, StageName, stage_name


@pytest.mark.parametrize(
    ("name", "kind", "key", "task", "variant"),
    [
        ("stem[vqa]", StageKind.STEM, None, "vqa", None),
        ("block[0]", StageKind.BLOCK, 0, None, None),
        ("block_image[12]", StageKind.BLOCK_IMAGE, 12, None, None),
        ("block_decode[3]", StageKind.BLOCK_DECODE, 3, None, None),
        ("head[reason]", StageKind.HEAD, None, "reason", None),
        ("whole[vqa:d3]", StageKind.WHOLE, None, "vqa", "d3"),
        ("whole_image[caption:full]", StageKind.WHOLE_IMAGE, None, "caption", "full"),
        ("whole_decode[caption:p1010]", StageKind.WHOLE_DECODE, None, "caption", "p1010"),
    ],
)
def test_a_name_is_read(
    name: str, kind: StageKind, key: int | None, task: str | None, variant: str | None
) -> None:
    read = StageName(name)
    assert (read.kind, read.key, read.task, read.variant) == (kind, key, task, variant)
    assert (read, hash(read), json.dumps(read)) == (name, hash(name), json.dumps(name))
    again = pickle.loads(pickle.dumps(read))
    assert (again, again.kind, again.key) == (read, kind, key)
    assert stage_name(name) is stage_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "stem", "block[]", "block[a]", "block[-1]", "block[0:d3]", "stem[vqa:d3]"),
        *("whole[vqa]", "whole[:d3]", "tail[0]", "block[0]]", "Block[0]", "block[0] "),
    ],
)
def test_what_names_no_stage_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names no stage"):
        StageName(name)


@pytest.mark.parametrize("name", ["block[0:224]", "block_image[3:224]", "stem[vqa:224]"])
def test_a_stem_or_block_may_name_the_size_of_its_pictures(name: str) -> None:
    read, plain = StageName(name), StageName(name.replace(":224", ""))
    assert (read.image_size, plain.image_size) == (224, None)
    assert (read.key, read.task, read.variant) == (plain.key, plain.task, None)
    assert plain.at(224) == read
    assert plain.at(None) == plain
    assert read.alike != plain.alike, "its calls take other times"


@pytest.mark.parametrize("name", ["head[vqa:224]", "block[0:]", "stem[vqa:x]", "block[0:2.5]"])
def test_nothing_else_has_a_size(name: str) -> None:
    with pytest.raises(ValueError, match="names no stage"):
        StageName(name)


def test_names_are_made_of_their_parts() -> None:
    assert StageName.stem("decode") == "stem[decode]"
    assert StageName.block(2, StageKind.BLOCK_IMAGE) == "block_image[2]"
    assert StageName.head("vqa") == "head[vqa]"
    assert StageName.whole("caption", "d2", StageKind.WHOLE_DECODE) == "whole_decode[caption:d2]"
    with pytest.raises(ValueError, match="names no stage"):
        StageName.block(2, StageKind.HEAD)


def test_what_a_stage_is() -> None:
    stem, block = StageName("stem[vqa]"), StageName("block_decode[1]")
    head, whole = StageName("head[vqa]"), StageName("whole[vqa:d3]")
    assert [n.is_stem for n in (stem, block, head, whole)] == [True, False, False, False]
    assert [n.is_block for n in (stem, block, head, whole)] == [False, True, False, False]
    assert [n.is_head for n in (stem, block, head, whole)] == [False, False, True, False]
    assert [n.is_whole for n in (stem, block, head, whole)] == [False, False, False, True]
    phases = [n.phase for n in (stem, block, head, whole)]
    assert phases == ["stem", "blocks", "head", "blocks"]


def test_stages_that_take_about_the_same_time_are_alike() -> None:
    assert StageName("block[0]").alike == StageName("block[7]").alike
    assert StageName("block[0]").alike != StageName("block_image[0]").alike
    assert StageName("whole[vqa:d3]").alike == StageName("whole[vqa:full]").alike
    assert StageName("whole[vqa:d3]").alike != StageName("whole[reason:d3]").alike
