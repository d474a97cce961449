"""`python -m otmv_serve` is `otmv`."""

from otmv_serve.program import main

main()
