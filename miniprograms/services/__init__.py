"""What we do for the accounts that trust us: bind, unbind, refresh, reconcile."""
