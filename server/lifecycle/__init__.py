"""The engine from loading to closing: served, replaced, drained."""
