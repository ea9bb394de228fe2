"""Tables and captions of README.md and docs/results.md, made of the JSON files in docs/results.

Each module has `TABLES`: by name the page of a table and the function that makes its Markdown. Its docstring
has the commands that made the JSON files. Modules write tables and captions only; pages hold the
interpretation.
"""
