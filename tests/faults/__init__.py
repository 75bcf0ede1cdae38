"""FAULTS: what must be survived, over a line and on a disk that can be made to fail."""
