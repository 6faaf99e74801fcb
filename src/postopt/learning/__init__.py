"""From what readers did back to what is written next, in steps that can be replayed."""
