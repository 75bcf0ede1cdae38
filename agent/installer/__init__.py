"""The installer of a box and of a centre: what ``install.sh`` runs as root, with the system's own Python.

It comes before everything else on a machine, so it knows the standard library alone; ``tests/test_architecture.py``
guards that. ``steps`` runs a plan and takes it back, ``world`` touches the machine, the rest are the steps.
"""
