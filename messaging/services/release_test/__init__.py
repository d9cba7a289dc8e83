"""
WeChat's 全网发布 test: what its accounts must be answered, and a rehearsal in which we play its
tester. Page: "全网发布检测说明".

Only the accounts that WeChat has published are answered so; they need not be bound. An official
account is sent an event, a text and a code, a mini program the code alone; an older text of the
page has events for it too, so all of them are answered alike, which does no harm.
"""
