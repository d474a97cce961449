"""`otmv bench tuning`: what a step of once-tuning costs beside one of plain fine-tuning."""
