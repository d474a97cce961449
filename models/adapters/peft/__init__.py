"""Folders that Hugging Face's peft wrote: `reading.py`, and of LoRA `lora.py`, `heads.py`."""

from models.adapters.peft.reading import PeftAdapter, read_peft

__all__ = ["PeftAdapter", "read_peft"]
