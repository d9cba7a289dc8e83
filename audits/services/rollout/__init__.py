"""
Carrying campaigns out: one step for one mini program at a time, each under its lease.

A step writes the row of its act together with the item, then calls WeChat. So whoever takes an item
over from a dead worker sees what was begun; acts whose answers were lost are looked for elsewhere
(`reconcile_outcomes`), and the item goes on from what became of them. Nothing is repeated blindly.
"""
