"""What a customer is worth: purchase and spend models for non-contractual customers.

Arrays in, arrays out; nothing here knows about tables, files, clocks or the pipeline. A history is
three numbers per customer, all in one time unit and counted from the first purchase: `frequency` x
(repeat purchases, so 0 for a one-time buyer), `recency` t_x (time of the last purchase) and `age` T
(time to the end of observation).

- `scoring`: the one function that the pipeline calls; start there.
- `transactions`: fit and predictions for every purchase model, by name.
- `beta_geometric` (MBG/NBD, the default, and BG/NBD), `pareto_nbd`, `nbd` (no dropout; the
  fallback): what is particular to one purchase model, and nothing else.
- `gamma_gamma`: spend per purchase. `intervals`: individual prediction intervals.
- `sufficient_statistics`, `fitting`, `quadrature`, `status`: shared pieces.

A model that the data cannot identify says so in its status and is still finite; `scoring` then
falls back. Backtests and the choice of a champion, contractual models (sBG) and drift belong in
modules of their own beside these.
"""
