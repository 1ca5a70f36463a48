"""`make test`, `make lint`, `make bench` and their like: the runners, in order, with one count at the end."""
