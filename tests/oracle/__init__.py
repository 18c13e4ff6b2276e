"""The accounting rules told a second time, in plain Python with exact fractions.

The product computes in SQL. Nothing here is imported by it, and nothing of it is imported here:
where the two agree, they agree because both are right or both misread the same rule, and the
hand-worked numbers in ``tests/unit/test_oracle.py`` and the golden cases guard against the second.

``revenue`` tells today's production shape (amendments that restate all lines, terms that renew);
the other modules tell the golden schema, from events to the trial balance: ``answer(case)``.

Decisions where the README of the cases is silent:

1. Snapshot at D = books built from the events with occurred_on <= D. Arrival order matters only
    through period_closed.
2. Late for a closed month: difference of the ledger before and after the event, for closed
    months, in one amount dated max(received_on, first day of the earliest open month).
3. Same day: changes (signed, option exercised, modified, renewed, estimates, credits, terminated)
    come before that day's performance; month-end revenue last.
4. Catch-up = revenue to the day before at new terms less the same at old terms; dated the event's
    day; several changes of one day are one joint catch-up carrying all their event ids.
5. Prospective: base = rounded revenue to the day before, pool = sum(A - base) + change over all
    obligations of the accounting contract (targeted variable amounts included), shared by
    remaining SSP. Later changes of an estimate move only the share in the current segment.
6. Missing consideration_change: change = sum of differences of stated amounts in change_lines,
    less the open stated part of removed lines.
7. Change lines: remaining_ssp as given; else new ssp (or old ssp scaled by quantity and term) x
    remaining share.
8. Method decides daily or monthly weights (partial months days/days in month); proration
    full_started_months overrides: n = quantity; a rounding point counts only months that ended
    before it.
9. Obligation of several unit lines: all with quantity -> plain units; else lines weigh by
    standalone price. Fees and non-distinct activity weigh nothing.
10. Usage-only and piece-only obligations take no share of the fixed price (variable amount wholly
    theirs, 85), unless a royalty/usage component is allocated to `all`: then they weigh with
    their ssp, the royalty itself is shared by ssp and each share is revenue when both the sale
    and the transfer happened.
11. transaction_price and allocations hold fixed and estimated amounts, termination revenue, lost
    disputes, uncaused credits; usage, royalties and pieces earned are revenue beside them (the
    README formula after = before + ... only works so); royalty estimates only in allocations of
    basis variable_to_subset.
12. Fees and discounts without obligation are part of the price, without weight. Discount line
    that names an obligation: to that obligation only.
13. ssp_range: stated ssp, else stated price if inside the range, else midpoint. Residual outside
    its range: relative ssp over all with stated ssp or midpoint, bundle discount rule dropped
    (IE175, 73-80).
14. Rebate with threshold: all units at unit_price_after once max(expected, actual) > threshold;
    billed at list up to the threshold; difference = refund liability. Tiers: graduated; average
    over the expected quantity (rounded by unit_price_rounding) for every unit; without expected
    quantity as it happens; no refund liability (difference sits in the contract position).
15. Credits settle first an open refund liability (rebate, returns), then what modifications cut,
    then they reduce the price of the line's obligation.
16. Rights lapse by event only, never by date alone.
17. Termination: unlimited settlement by later credits; later invoices above revenue are
    termination revenue on their day; no invoices: cash counts as billed. Renewal that supersedes:
    the same amount (billed - given back - recognised) is carried into the new pool.
18. Renewal takes effect on supersedes_prior_from, else start_date; separate if priced at ssp and
    nothing superseded.
19. Collectability gate: cash -> deposit_liability, invoices and revenue wait for the opening day
    (catch-up then). Closing later: revenue stops the day before, receivables stay. Terminated
    while closed: deposit less refund_due is revenue. Return right not estimated: cash ->
    refund_liability, goods -> return_asset. Repurchase: cash -> financial_liability.
20. Tax payable from the invoice's day under every trigger, against receivable.
21. Negative receivable of an arrangement (overpaid) is customer_credit (performance/payment:
    contract liability). Payment without invoice: against open receivables of the contract, rest
    contract liability.
22. Intercompany: at the invoice, net billed of fixed lines x allocated share of the other entity
    (cumulative), usage lines wholly.
23. Financing: balance = transferred - cash (exact); full periods end the day before the
    anniversary; rate/12 per month; entity's price = cash_selling_price, else present value of
    instalments (first one period after transfer). Customer's interest is revenue in proportion as
    what it financed is transferred.
24. Currency: revenue uses liability layers first in first out. Monetary: receivable,
    contract_asset, customer_credit, refund_liability, deposit, tax, payables. fx_gain_loss is the
    rest.
25. Practical alternative with periods: price = sum(p x consideration), periods weighted by p x
    cost; inside a period straight-line.
26. Practical alternative with periods: the period amounts are allocations (rounded, difference to
    the largest: Example 51 gives 77,986 / 87,734 / 105,280); allocations whose items are unknown
    ids, as many as periods, are compared with these by order.
27. Put at a lower price than the cash: lease, difference is revenue by days to `until`, the rest
    on lapse. Put or call at a higher price: financing.
28. Cash on a contract whose gate closed after signing: first against its open receivable, rest
    deposit_liability.
29. Negative invoice lines on a discount line are its billing, not credits. Negative invoice lines
    on other lines are credits. Credits that a later invoice bills again (beyond the line's price)
    never touch the price.
30. Snapshot view keeps all period_closed events (whatever their day), other events by occurred_on
    <= D.
31. Journal figures: an account's movement on the day, or since the previous listed journal day
    (Example 29 prints two years' interest as one entry).
32. Methodless lines: over_time when the product text has a service word, else point_in_time.
33. Lost dispute: net part lowers the price of the invoice's lines pro rata (catch-up by
    progress), tax part goes back from tax_payable.
34. consideration_payable: rate = amount / expected_total_sales; before it is paid the released
    part is refund_liability; distinct good received: inventory.
35. Separate renewal: own arrangement; superseding renewal nets with the old contract.
36. A backdated service start (service before the signing day): earned part is booked on the
    signing day (catch-up).
37. Contract asset is remeasured at the latest rate (monetary), contract liability never.
38. Remaining standalone price of a ratable obligation: by the measure its revenue uses (monthly
    methods: months, partial ones days/days in month; full_started_months: months not yet begun;
    daily: days).
39. Usage counts in the month of its period_start for included quantity and quarters, is revenue
    on occurred_on; usage whose period begins after the line's end or on/after the termination
    earns nothing. Fulfilment after the end earns nothing.
40. combined_with works both ways (the order that names the other may come first); a second order
    signed later joins by catch-up from inception.
41. A credit (without cause) whose service_start is on/after its day lowers time-based revenue
    from service_start on (its price at once); one whose service_end lies before its day reduces
    revenue at once in full; else catch-up over the whole segment.
42. Prospective change when nothing is left to deliver: the change is shared by the standalone
    prices of inception (15.88-89) and revenue at once.
43. period_closed with entity_id closes that entity's books only.
44. A credit settles what the price does not count on the day of the credit: concessions and
    penalties that are expected, refunds that are owed, reductions agreed by then. What is agreed
    or expected later does not reach back to it.
45. A re-estimate of an amount promised before a prospective change goes to the obligations of
    that time by their weights of that time (15.90(a), Example 6): at once where satisfied, else
    with what remains.
46. What is left of a loan when all is paid corrects the interest of the side that lent.
47. Termination revenue belongs to obligations with a fixed price; usage and pieces have none.
48. Who gives money back at the end has no claim beyond what was billed less that: revenue beyond
    it is given up, by what was earned.
"""
