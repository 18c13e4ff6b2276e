"""Commands for people: run, serve, close, report, examine an installation."""
