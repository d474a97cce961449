"""What once-tuning does to a model: `gates.py` drawn gates, `merge.py` merged weights, and
`starting.py` a model grown from another."""
