"""What texts and briefs state: `postopt.quality.claims` compares them."""
