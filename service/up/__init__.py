"""Everything on one machine: the web, the dispatcher and a local Ray head, watched over."""
