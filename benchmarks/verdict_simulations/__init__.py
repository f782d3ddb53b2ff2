"""How often the verdict is right: its rules against outcomes whose truth is known."""
