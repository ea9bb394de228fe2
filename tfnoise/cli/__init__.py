"""What the scripts in bin/ share (start, flags and errors, tables and JSON, progress), and their work."""
