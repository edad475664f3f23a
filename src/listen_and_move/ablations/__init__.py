"""The paper's table, or any rows, trained and measured."""
