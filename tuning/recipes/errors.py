"""What is wrong with a recipe."""

from __future__ import annotations


class RecipeError(Exception):
    """A recipe cannot be run; the one-line message names the field and says what to do."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}: {fix}")
        self.problem, self.fix = problem, fix
