"""Between a model and its ONNX graphs: tracing, weights stored once, and the way back."""
