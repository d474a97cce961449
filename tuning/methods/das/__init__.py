"""DAS: which layers an adapter may replace is searched, then tuned (arXiv 2309.01479, ADR 0037)."""
