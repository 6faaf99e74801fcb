"""What an OpenAI-compatible interface says, without a network: addresses, requests, answers, events, failures."""
