"""The protocol over gRPC: each call becomes a request of the same app, over HTTP in this process.

So gate, API keys, rates, limits, log and metrics hold as they do for REST. Loaded only if a port
for gRPC is set; needs the extra `grpc`.
"""
