"""Hugging Face's tasks, as its `InferenceClient` sends and reads them."""
