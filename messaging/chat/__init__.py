"""
The page on which a user is answered: for staff within the admin, for merchants in the portal.

It is kept up to date by htmx: the page says what it shows (`seen`), and is sent what is not among
that, each piece with the id of its place. What a user wrote goes to whoever may read it, only.
"""
