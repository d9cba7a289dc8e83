"""
What must be so before WeChat takes a submission: each condition asked for, before any quota is
spent. `checking.preflight_of` is what to call.
"""
