"""What a customer is worth: models of purchases, spend and contracts, and their backtests.

Arrays in, arrays out, tables in `tables`; nothing here knows files, clocks or the pipeline. A
history is three numbers per customer, all in one time unit and counted from the first purchase:
`frequency` x (repeat purchases, so 0 for a one-time buyer), `recency` t_x (time of the last
purchase) and `age` T (time to the end of observation).

- `tables`: the one function that the pipeline calls; start there.
- `backtest`: rolling-origin trials of all models, the champion, drift; `purchase_log`: histories
  and outcomes as of any day; `measures`: errors, ranking, calibration.
- `scoring`: forecasts of every history with the champion, and what to do where it has no answer;
  `outlook`: one model applied to histories; `intervals`: individual prediction intervals.
- `transactions`: fit and predictions for every purchase model, by name.
- `beta_geometric` (MBG/NBD, the default, and BG/NBD), `pareto_nbd`, `nbd` (no dropout; the
  fallback), `naive`: what is particular to one purchase model, and nothing else.
- `gamma_gamma`: spend per purchase. `contracts`: sBG, customers who renew or leave.
- `sufficient_statistics`, `fitting`, `quadrature`, `along_time`, `status`: shared pieces.

A model that the data cannot identify says so in its status and is still finite.
"""
