"""The tables of README.md and of the pages in docs/, a module a page.

Each module has

- `PAGE`, where its tables stand;
- `TABLES`: by the name in the marks of a table the function that makes its Markdown of the JSON files in
  docs/results, or gives None where a file is not there yet.

Its docstring has the commands that made these files.
"""
