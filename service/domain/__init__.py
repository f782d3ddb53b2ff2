"""The pure rules: planning, selection, allowed changes of state, scoring, errors and ports."""
