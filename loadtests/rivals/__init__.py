"""Other servers, each serving one ONNX graph of an artifact with its own batching."""
