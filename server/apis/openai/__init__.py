"""OpenAI's API, as its clients send and read it: chat completions and models."""
