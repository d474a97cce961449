"""The suite itself: parts in turn, their time, sizes, bars, tables."""
