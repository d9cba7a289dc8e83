"""Upload, submit, follow the verdict, release, roll back: each thing once, whatever gets lost."""
