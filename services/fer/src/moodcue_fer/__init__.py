"""Face emotion: frames in, seven probabilities per face out."""
