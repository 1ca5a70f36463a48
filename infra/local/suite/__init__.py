"""`make test`, `make lint` and `make contract-payment`: the runners, in order, with one count at the end."""
