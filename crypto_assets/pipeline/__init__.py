"""Use cases: each reads, calls one pure transform or check, and commits."""
