"""The HTTPS API WeChat offers: a function for each path, and the steps every call goes through."""
