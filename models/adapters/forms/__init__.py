"""Methods of tuning with few parameters: one module each, found in `FORMS` (ADR 0031)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from models.adapters.form import Form
from models.adapters.forms.adalink import AdaLink
from models.adapters.forms.bitfit import BitFit
from models.adapters.forms.lora import Lora
from models.adapters.forms.mam import Mam
from models.adapters.forms.parallel import Parallel, ScaledParallel
from models.adapters.forms.prefix import Prefix
from models.adapters.forms.prompt import Prompt
from models.adapters.forms.serial import PetAdapter, Serial, VlAdapter
from models.adapters.forms.vl_pet import VlPet

FORMS: Mapping[str, type[Form]] = {
    form.kind: form
    for form in (
        Prompt,
        Prefix,
        Lora,
        Serial,
        PetAdapter,
        Parallel,
        ScaledParallel,
        Mam,
        VlAdapter,
        VlPet,
        BitFit,
        AdaLink,
    )
}
"""Every method by its kind, in the order in which tables list them."""


def make_form(kind: str, settings: Mapping[str, Any]) -> Form:
    """Return a method with settings; what is not given is as published.

    Raises:
        ValueError: there is no such method or setting, or a setting is of another type.
    """
    if kind not in FORMS:
        raise ValueError(f"there is no form {kind!r}; there are {', '.join(FORMS)}")
    known = {each.name: each for each in dataclasses.fields(FORMS[kind])}
    if strange := sorted(set(settings) - set(known)):
        raise ValueError(f"{kind} has no {strange[0]!r}; it has {', '.join(known)}")
    for name, value in settings.items():
        usual = getattr(FORMS[kind](), name)
        kinds = {float: (int, float), tuple: (tuple, list), dict: (dict,)}
        wanted = kinds.get(type(usual), (type(usual),))
        if not isinstance(value, wanted) or (isinstance(value, bool) != isinstance(usual, bool)):
            raise ValueError(f"{kind}.{name} must be like {usual!r}, not {value!r}")
    return FORMS[kind](**settings)
