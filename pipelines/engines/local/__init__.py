"""The transformers engine, and how it decodes: batches, shared beginnings of prompts, choices as a tree."""
