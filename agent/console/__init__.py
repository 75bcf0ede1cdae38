"""What people see: the command line, the live table of the sites, the demo."""
