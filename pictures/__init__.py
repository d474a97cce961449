"""Safe decoding of pictures that strangers made: headers, limits, worker processes. No HTTP."""
