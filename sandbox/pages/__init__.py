"""The HTML pages: WeChat's authorisation page, and the console, phones and programs of ours."""
