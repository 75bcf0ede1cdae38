"""Every port in memory, for ``--simulate`` and the tests."""
