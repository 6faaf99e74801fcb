"""What a ranker of texts is made of: `postopt.engagement.ranker` is its face."""
