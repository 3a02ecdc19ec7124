"""The throw-away host: namespaces of its own that vanish with its last process, and stand-ins for what it has not."""
