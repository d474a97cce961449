"""What lies beside the stages in an artifact: the model card, the tokenizer."""
