"""What intervals are made of: `postopt.engagement.conformal` holds the textbook's, `intervals` the predictor's."""
