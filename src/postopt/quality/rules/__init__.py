"""What the rules of policy and of correctness look for."""
