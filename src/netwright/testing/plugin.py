"""The pytest plugin: hosts and networks in a sandbox."""
