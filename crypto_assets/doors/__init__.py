"""The doors the use cases are given: who talks to the network for them, and how."""
