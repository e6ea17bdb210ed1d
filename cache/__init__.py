"""The artifact store: keys, rows, blobs and replies. Only here are DuckDB and diskcache used."""
