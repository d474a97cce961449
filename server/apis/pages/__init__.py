"""Pages for people: the playground at `/`, the API's reference at `/docs`, and their files."""
