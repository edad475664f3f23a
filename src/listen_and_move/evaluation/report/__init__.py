"""Results as a page: tables, charts, words."""
