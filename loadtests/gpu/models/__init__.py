"""The models on the device: methods, captions, stages, memory."""
