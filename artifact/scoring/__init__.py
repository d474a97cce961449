"""How well answers, captions, judgements and rankings do: the public measures, and our own."""
