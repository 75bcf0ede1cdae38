"""Adapters to the broker, the disk, systemd and processes. They translate and carry out; they never decide."""
