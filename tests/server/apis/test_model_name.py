"""`NAME[/TASK][:VARIANT][@ADAPTER]`: read to its parts, or refused by the part that is missing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.apis.model_name import ModelName, ServedModel, read_model_name
from server.errors import ModelNotFound
from tests.server.kit.fake_pool import FakePool

SERVED = ServedModel("demo", ("vqa", "caption"), ("full", "d2"), ("pets",))
NAMES = st.text(min_size=1, max_size=12)


@given(
    name=NAMES,
    task=st.sampled_from([None, "vqa", "caption"]),
    variant=st.sampled_from([None, "full", "d2"]),
    adapter=st.sampled_from([None, "pets"]),
)
def test_a_name_is_read_to_what_it_was_made_of(
    name: str, task: str | None, variant: str | None, adapter: str | None
) -> None:
    """The model's own name may have any characters, `/`, `:` and `@` too."""
    made = ModelName(name, task, variant, adapter)
    served = ServedModel(name, SERVED.tasks, SERVED.variants, SERVED.adapters)
    assert read_model_name(str(made), served) == made


@given(st.text(max_size=40))
def test_any_text_is_read_as_it_stands_or_refused(text: str) -> None:
    with suppress(ModelNotFound):
        assert str(read_model_name(text, SERVED)) == text


@pytest.mark.parametrize(
    ("text", "what", "known"),
    [
        ("other", "model", "demo, demo:full, demo:d2, demo@pets"),
        ("", "model", "demo"),
        ("demo2", "model", "demo"),
        ("demo/", "model", "demo"),
        ("demo:", "model", "demo"),
        ("demo:d2/vqa", "variant", "there: full, d2"),
        ("demo@pets:d2", "adapter", "there: pets"),
        ("demo/reason", "task", "there: vqa, caption"),
        ("demo:d9", "variant", "there: full, d2"),
        ("demo@cats", "adapter", "there: pets"),
    ],
)
def test_a_part_that_is_not_there_is_named_with_those_that_are(
    text: str, what: str, known: str
) -> None:
    with pytest.raises(ModelNotFound, match=f"asks for the {what} ") as caught:
        read_model_name(text, SERVED)
    assert known in str(caught.value)


def test_without_adapters_it_says_so() -> None:
    served = ServedModel.of(FakePool())
    assert served == ServedModel("fake", ("vqa", "caption", "reason"), ("full", "d2"))
    with pytest.raises(ModelNotFound, match="there is no adapter here"):
        read_model_name("fake@cats", served)
