"""A request's body and headers, to checked fields, pictures and a budget."""
