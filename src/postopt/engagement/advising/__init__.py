"""Where evidence on edits comes from, and the edits: `postopt.engagement.suggestions` is their face."""
