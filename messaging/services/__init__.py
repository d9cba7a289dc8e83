"""What is done with messages: hearing, answering, forwarding."""
