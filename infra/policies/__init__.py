"""Lint rules of our own, for what the public linters do not see.

`python -m policies template | asl` with infra/ on the path.
"""
