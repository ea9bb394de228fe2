"""What the scripts in bin/ share: the start, flags and errors, tables and JSON, progress."""
