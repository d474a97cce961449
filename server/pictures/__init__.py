"""A client's picture, safely to pixels."""
