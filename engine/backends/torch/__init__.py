"""The PyTorch backend: ONNX graphs translated to torch.fx (ADR 0025)."""
