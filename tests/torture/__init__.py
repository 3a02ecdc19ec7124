"""What `make torture` does to Netwright, a module for each way of it; `make test` runs a bounded part of each.

A section is a module with `run(effort)`, which yields a Figure for each thing that it tried many times.
"""
