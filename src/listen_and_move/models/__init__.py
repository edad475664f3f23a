"""The networks: recurrent state goes in and comes out as a value."""
