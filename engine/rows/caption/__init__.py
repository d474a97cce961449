"""A caption's row, its words in rounds, and where its keys and values lie."""
