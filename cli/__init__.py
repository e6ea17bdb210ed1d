"""The command line. Only here are typer and rich used."""
