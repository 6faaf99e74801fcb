"""The parts of `postopt.caching.prefetch`: three predictors, the record they keep, and the money they may spend.

`successors`, `siblings` and `time_of_day` say what may be asked for next; `forecasts` writes it down and looks at what
came of it; `slot_price` says what a useless entry costs the cache; `ledger` and `allowance` keep the money; `namespace`
puts them together for one namespace, and `report` is what is told about it.
"""
