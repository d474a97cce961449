"""The HTTP routes: one folder for each API that answers, one for operators, one for OpenAPI."""
