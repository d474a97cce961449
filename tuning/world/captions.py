"""Captions: one canonical sentence per scene, and the phrases a good caption must contain."""

from __future__ import annotations

from tuning.world.scene import Scene


def describe(scene: Scene) -> str:
    """Name every object in reading order: `a small red circle, a large blue square and a ...`."""
    names = [f"a {item.size} {item.color} {item.shape}" for item in scene.objects]
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def phrases(scene: Scene) -> list[str]:
    """Return `color shape` of every object, in reading order."""
    return [f"{item.color} {item.shape}" for item in scene.objects]
