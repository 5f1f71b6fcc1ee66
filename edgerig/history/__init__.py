"""Many runs over time: kept as Parquet, one file per run, and asked for trends and their changes.

schema and rows   report/run/parquet_results.py    one run as a table
store             where the files are: a folder or any fsspec URL
metrics           what can be asked for, and what may be compared with what
changes           points in time → the levels between which they changed
trends            the question, put to DuckDB; the answer, a trend per cell
page, terminal    the answer for people (the terminal's is in cli/)
"""
