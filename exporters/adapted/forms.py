"""Which adapted forms an artifact has: named sets of hooks, and the ranks there."""

from __future__ import annotations

from artifact.adapters.hooks import HOOKS, Activation, HookKind
from artifact.manifest.adapted import MAX_RANK, AdapterCapacity

_LINEARS = tuple(name for name, hook in HOOKS.items() if hook.kind == HookKind.LINEAR)
_NORMS = tuple(name for name, hook in HOOKS.items() if hook.kind == HookKind.NORM)
_OUTPUTS = tuple(name for name, hook in HOOKS.items() if hook.kind == HookKind.OUTPUT)
_BESIDE = tuple(name for name, hook in HOOKS.items() if hook.kind == HookKind.BESIDE)
_STEMS = tuple(n for n, hook in HOOKS.items() if not hook.in_blocks and "down" in hook.parts)
_BENT: tuple[Activation, ...] = ("relu", "gelu", "gelu_tanh")

_HOOKS: dict[str, tuple[str, ...]] = {
    "lora": ("block.q", "block.v"),
    "linears": _LINEARS,
    "serial": _OUTPUTS,
    "gated": _OUTPUTS,
    "parallel": _BESIDE,
    "shifts": (*_LINEARS, *_NORMS),
    "adalink": _STEMS,
}

FORM_NAMES = tuple(_HOOKS)
"""Sets of hooks that can be asked for by name."""


def form_named(text: str) -> AdapterCapacity:
    """Return the room that a form has, by its name on a command line.

    Args:
        text: sets of hooks with their ranks, such as `lora:16` or `lora:16+serial:64+adalink:64`;
            `shifts` has no rank.

    Raises:
        ValueError: it names none; the message says how to.
    """
    ranks: dict[str, int] = {}
    gate_ranks: dict[str, int] = {}
    activations: dict[str, tuple[Activation, ...]] = {}
    shifted: list[str] = []
    for each in text.split("+"):
        name, _, written = each.partition(":")
        rank = _rank(name, written, text)
        for hook in _HOOKS[name]:
            ranks[hook] = max(rank, ranks.get(hook, 0))
            if name == "gated":
                gate_ranks[hook] = rank
            if name in ("serial", "gated", "parallel"):
                activations[hook] = _BENT
            if name not in ("lora", "linears", "adalink") and hook not in (*_NORMS, *shifted):
                shifted.append(hook)
    return AdapterCapacity(
        ranks=ranks, gate_ranks=gate_ranks, activations=activations, shifted=tuple(shifted)
    )


def _rank(name: str, written: str, text: str) -> int:
    known = ", ".join(f"{each}:RANK" for each in FORM_NAMES if each != "shifts")
    if name == "shifts" and not written:
        return 0
    right = name in _HOOKS and name != "shifts" and written.isascii() and written.isdecimal()
    if not right or not 1 <= int(written) <= MAX_RANK:
        problem = f"no room for adapters {text!r}: name some of {known} and shifts, joined by +"
        raise ValueError(f"{problem}; ranks are 1 to {MAX_RANK}")
    return int(written)
