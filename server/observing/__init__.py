"""What is written of a request: log lines, spans, and the record both are made of."""
