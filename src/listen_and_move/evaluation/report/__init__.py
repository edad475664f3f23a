"""Report: results as a page of tables, charts and words."""
