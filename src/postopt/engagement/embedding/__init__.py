"""Local models that turn texts into vectors: `postopt.engagement.embeddings` says what one must offer."""
