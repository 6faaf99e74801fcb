"""The parts of `postopt.caching.sql`, of which only the file named after it knows SQLAlchemy.

`writebehind` is a store over any `rows`: it holds what is `pending`, and reaches the database by an `attachment` to one
event loop. `sqlalchemy` holds the tables and the statements, `sqlite` the connections to SQLite.
"""
