"""The page in the browser: one server of our own, plain files to the browser, nothing from elsewhere."""
