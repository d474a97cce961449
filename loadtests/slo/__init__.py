"""The live benchmark: an open loop over HTTP against our server and other servers."""
