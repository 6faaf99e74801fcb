"""How the predictor reads, expects, learns and keeps: `postopt.engagement.predictor` is its face."""
