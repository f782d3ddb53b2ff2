"""The web and its clients; importing it loads nothing, so that the client stays light."""
