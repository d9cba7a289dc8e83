"""What goes over the wire, and how: nothing here knows who there is or what is allowed."""
