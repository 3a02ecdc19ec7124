"""What the engine saw and did, for those who asked: as JSON documents, and as words. The command line prints it, the daemon's API sends it."""
