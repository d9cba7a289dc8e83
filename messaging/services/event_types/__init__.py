"""The catalogue of what targets can be told: of each type its JSON Schema, and an example."""
