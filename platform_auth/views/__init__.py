"""How people come in and go, at the portal and at the staff pages alike."""
