"""The Open Inference Protocol, version 2: REST with binary tensors, and gRPC."""
