"""The parts of `postopt.caching.redis`, none of which knows the library.

`resp` is Redis' protocol, `wire` one connection, `link` a connection that comes back by itself, `batches` what travels
together on it and for how long, `calls` the calls that wait for it, `per_loop` what each event loop has of its own.
`naming` says what things are called in Redis, `scripts` holds what has to happen there in one step, and `generations`
keeps the tags.
"""
