"""The parts of a balancer: who is chosen, who is left out, and what is sent a second time."""
