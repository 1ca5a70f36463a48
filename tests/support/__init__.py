"""What the state machine tests and the end-to-end tests share: the running platform, seen from outside."""
