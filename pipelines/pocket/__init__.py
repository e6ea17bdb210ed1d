"""The bundled models and their demo examples."""
