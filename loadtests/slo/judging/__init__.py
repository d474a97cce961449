"""From replies to scores, tables of scores, and bars."""
