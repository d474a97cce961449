"""The front: all that HTTP takes of a request's time. Who may enter it, and in what order."""
